import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CHECKOUT, PROMTOOL, runTool } from '../src/helm.js';

const folder = new URL('deploy/prometheus/', CHECKOUT);
const tests = new URL('tests/', folder);
const read = (file: URL): string => readFileSync(file, 'utf8');

interface Rule {
  readonly alert: string;
  readonly annotations: Readonly<Record<string, string>>;
}
interface RuleTest {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const ALERTS = (parse(read(new URL('alerts.yml', folder))) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const FILES = readdirSync(tests);
const expectations = FILES.flatMap((name) => (parse(read(new URL(name, tests))) as RuleTest).tests).flatMap(
  (test) => test.alert_rule_test,
);

describe('the alert rules', () => {
  it.each(ALERTS)('$alert has a runbook of three chapters', ({ alert, annotations }) => {
    const path = `docs/runbooks/${alert}.md`;
    expect(annotations['runbook_url']).toBe(path);
    const page = read(new URL(path, CHECKOUT));
    expect(page.startsWith(`# ${alert}\n`)).toBe(true);
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title)).toEqual([
      'What it means',
      'Look at',
      'Do',
    ]);
  });

  it('have no runbook for an alert that is gone', () => {
    const pages = readdirSync(new URL('docs/runbooks/', CHECKOUT)).map((name) => name.replace('.md', ''));
    expect(pages.sort()).toEqual(ALERTS.map(({ alert }) => alert).sort());
  });

  it.each(ALERTS)('$alert is tried where it must fire, and where it must not', ({ alert }) => {
    const own = expectations.filter(({ alertname }) => alertname === alert);
    expect(own.some(({ exp_alerts: alerts }) => alerts.length > 0)).toBe(true);
    expect(own.some(({ exp_alerts: alerts }) => alerts.length === 0)).toBe(true);
  });
});

describe.skipIf(PROMTOOL === null)('promtool (if skipped, it needs TEST_PROMTOOL)', () => {
  it('accepts the rules', () => {
    const { status, stdout, stderr } = runTool(PROMTOOL, [
      'check',
      'rules',
      fileURLToPath(new URL('alerts.yml', folder)),
    ]);
    expect(`${status} ${stderr}`).toBe('0 ');
    expect(stdout).toContain(`SUCCESS: ${ALERTS.length} rules found`);
  });

  it.each(FILES)('finds that alerts fire as %s says', (name) => {
    const { status, stdout, stderr } = runTool(PROMTOOL, [
      'test',
      'rules',
      fileURLToPath(new URL(name, tests)),
    ]);
    expect(`${stdout}${stderr}`).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
