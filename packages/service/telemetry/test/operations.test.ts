import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createNodeMetrics, METRICS, type MetricSpec } from '../src/index.js';
import { readPromql } from './promql.js';

const read = (path: string): string =>
  readFileSync(new URL(`../../../../deploy/${path}`, import.meta.url), 'utf8');

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface PrometheusConfig {
  readonly rule_files: readonly string[];
  readonly scrape_configs: readonly {
    readonly job_name: string;
    readonly authorization?: { readonly type: string; readonly credentials_file: string };
  }[];
}

const dashboard = JSON.parse(read('grafana/sandpiper.json')) as Dashboard;
const targets = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map((target) => ({ title, ...target })),
);
const rules = (parse(read('prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const prometheus = parse(read('prometheus/prometheus.yml')) as PrometheusConfig;

const wordsBetween = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(([, word = '']) => word);

describe('the dashboard', () => {
  it.each(targets)('queries only exported metrics: $title, $legendFormat', ({ expr, legendFormat }) => {
    const { labels } = readPromql(expr);
    for (const label of wordsBetween(legendFormat, /\{\{\s*(\w+)\s*\}\}/g)) {
      // Buckets of a heatmap are named by their bound.
      expect([...(labels ?? [])]).toContain(label);
    }
  });

  it('shows every metric of the catalogue', () => {
    const shown = new Set(targets.flatMap(({ expr }) => [...readPromql(expr).metrics]));
    const missing = Object.values<MetricSpec>(METRICS).filter(({ name }) => !shown.has(name));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it('has no overlapping panels, and all within its width', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken, `${title} lies on another panel`).not.toContain(`${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it('offers the existing nodes', () => {
    const { definition = '' } = dashboard.templating.list.find(({ name }) => name === 'node') ?? {};
    const [, metric = '', label] = /^label_values\((\w+), (\w+)\)$/.exec(definition) ?? [];
    expect([...(readPromql(metric).labels ?? [])]).toContain(label);
  });
});

describe('the alert rules', () => {
  it.each(rules)('query only exported metrics: $alert', ({ expr, labels, annotations }) => {
    const result = readPromql(expr);
    expect(['warning', 'critical']).toContain(labels['severity']);
    expect(annotations['summary']).toBeTruthy();
    for (const text of Object.values(annotations)) {
      for (const label of wordsBetween(text, /\$labels\.(\w+)/g))
        expect([...(result.labels ?? [])]).toContain(label);
    }
  });

  it('have unique names, and refer to jobs of the example configuration', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    const jobs = prometheus.scrape_configs.map(({ job_name }) => job_name);
    for (const job of rules.flatMap(({ expr }) => wordsBetween(expr, /job=~?"([^"]+)"/g))) {
      expect(jobs.some((name) => new RegExp(`^(${job})$`).test(name))).toBe(true);
    }
  });
});

describe('the example for Prometheus', () => {
  it('reads the rules, and shows a key to schedulers', () => {
    expect(prometheus.rule_files).toEqual(['alerts.yml']);
    const scheduler = prometheus.scrape_configs.find(({ job_name }) => job_name === 'sandpiper-scheduler');
    expect(scheduler?.authorization).toMatchObject({ type: 'Bearer' });
  });
});

describe('the check of expressions', () => {
  it.each([
    ['sum(rate(sandpiper_runs_totall[5m]))', 'no metric sandpiper_runs_totall'],
    ['sum(rate(sandpiper_runs_total[5m])', 'syntax error'],
    ['sum by (state) (rate(sandpiper_runs_total[5m]))', 'nothing below has the label state'],
    ['sum(rate(sandpiper_runs_total{node="x"}[5m]))', 'has no label node'],
    ['sum(rate(sandpiper_runs_total{status="okay"}[5m]))', 'is never ="okay"'],
    ['max(sandpiper_nodes{state=~"gone|away"})', 'is never =~"gone|away"'],
    ['sandpiper_runs_total > 5', 'is a counter'],
    ['rate(sandpiper_nodes[5m])', 'is a gauge'],
    ['rate(sandpiper_node_stage_seconds[5m])', 'have a suffix'],
    ['sandpiper_nodes_sum', 'have a suffix'],
    ['histogram_quantile(0.5, sum(rate(sandpiper_node_stage_seconds_bucket[5m])))', 'wants the label le'],
    ['sum by (le) (rate(sandpiper_node_stage_seconds_sum[5m]))', 'nothing below has the label le'],
  ])('finds the error in %s', (expression, why) => {
    expect(() => readPromql(expression)).toThrow(why);
  });

  it('accepts existing metrics of others', async () => {
    const text = await createNodeMetrics('n').registry.metrics();
    for (const name of [
      'nodejs_eventloop_lag_p99_seconds',
      'process_cpu_seconds_total',
      'process_resident_memory_bytes',
    ]) {
      expect(text).toContain(`# TYPE ${name} `);
    }
  });
});
