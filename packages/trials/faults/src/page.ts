import { availableParallelism, release } from 'node:os';
import type { Observation } from './observation.js';
import type { Scenario } from './stage.js';

export interface PageFacts {
  /** The command that makes the page. */
  readonly command: string;
  readonly title: string;
  /** The set-up and what is required; whole sentences. */
  readonly about: string;
}

/** The findings, as a page of Markdown. */
export function pageOf(facts: PageFacts, played: ReadonlyMap<Scenario, readonly Observation[]>): string {
  const sections = [...played].map(([scenario, findings]) => sectionOf(scenario, findings));
  return `# ${facts.title}

Made by \`${facts.command}\` on ${new Date().toISOString().slice(0, 10)}, Linux ${release()},
${availableParallelism()} CPUs. ${facts.about}

${sections.join('\n')}`;
}

function sectionOf({ name, title }: Scenario, findings: readonly Observation[]): string {
  const rows = findings.map(({ what, measured, required, met }) => {
    const verdict = met === null ? '' : met ? 'met' : '**not met**';
    return `| ${cell(what)} | ${cell(measured)} | ${cell(required)} | ${verdict} |`;
  });
  return `## ${name}: ${title}

| what | seen | required | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
