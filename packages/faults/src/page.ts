import { availableParallelism, release } from 'node:os';
import type { Finding } from './finding.js';
import type { Scenario } from './stage.js';

/** What was seen, as a page of Markdown. */
export function pageOf(played: ReadonlyMap<Scenario, readonly Finding[]>, quick: boolean): string {
  const command = `scripts/test-faults${quick ? ' --quick' : ''} --page docs/faults.md`;
  const sections = [...played].map(([scenario, findings]) => sectionOf(scenario, findings));
  return `# What was done to it, and what became of the runs

Made by \`${command}\` on ${new Date().toISOString().slice(0, 10)}, Linux ${release()},
${availableParallelism()} CPUs. Real processes: schedulers, worker nodes with sandboxed guests, a redis-server that syncs
every write. The demand of all scenarios: every acknowledged id ends in exactly one terminal state.

${sections.join('\n')}`;
}

function sectionOf({ name, title }: Scenario, findings: readonly Finding[]): string {
  const rows = findings.map(({ what, measured, demanded, met }) => {
    const verdict = met === null ? '' : met ? 'met' : '**not met**';
    return `| ${cell(what)} | ${cell(measured)} | ${cell(demanded)} | ${verdict} |`;
  });
  return `## ${name}: ${title}

| what | seen | demanded | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
