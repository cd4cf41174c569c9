import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { METRICS, type MetricSpec, NODE_METRICS } from '../src/index.js';

/**
 * Of prom-client (node_modules/prom-client/lib/metrics) and of Prometheus itself, as far as they are used.
 */
const FOREIGN: readonly MetricSpec[] = [
  { name: 'nodejs_eventloop_lag_p99_seconds', type: 'gauge', help: '', labels: {} },
  { name: 'process_cpu_seconds_total', type: 'counter', help: '', labels: {} },
  { name: 'process_resident_memory_bytes', type: 'gauge', help: '', labels: {} },
  { name: 'up', type: 'gauge', help: '', labels: {} },
];

/** What every scrape adds. */
const OF_SCRAPES = ['job', 'instance'];

const NODE_NAMES = new Set<string>(Object.values(NODE_METRICS).map(({ name }) => name));
const SPECS = new Map([...Object.values<MetricSpec>(METRICS), ...FOREIGN].map((spec) => [spec.name, spec]));

/** Functions that take counters; everything else takes gauges. */
const OF_COUNTERS = new Set(['rate', 'irate', 'increase']);

export interface Expression {
  /** Labels that its result may have; null for a number. */
  readonly labels: ReadonlySet<string> | null;
  /** Metrics of the catalogue, or foreign ones, without the suffixes of histograms. */
  readonly metrics: ReadonlySet<string>;
}

/**
 * Reads an expression of PromQL with the grammar of Prometheus's own editor.
 * @throws Error that says what is wrong: syntax, a name or label that no metric has, a value that a label
 *   never takes, a counter without rate(), a histogram without a suffix
 */
export function readPromql(query: string): Expression {
  // What Grafana puts in before it asks.
  const text = query.replaceAll(/\$__rate_interval|\$__interval|\$__range/g, '5m').replaceAll('$node', '.*');
  return new Reader(text).read();
}

class Reader {
  private readonly metrics = new Set<string>();

  constructor(private readonly text: string) {}

  read(): Expression {
    const tree = parser.parse(this.text);
    tree.iterate({
      enter: (node) => {
        if (node.type.isError) throw new Error(`syntax error at ${node.from}: ${this.text}`);
      },
    });
    const top = tree.topNode.firstChild;
    if (top === null) throw new Error(`empty expression: ${this.text}`);
    return { labels: this.labelsOf(top, null), metrics: this.metrics };
  }

  private textOf(node: SyntaxNode | null): string {
    return node === null ? '' : this.text.slice(node.from, node.to);
  }

  private demand(condition: boolean, what: string): void {
    if (!condition) throw new Error(`${what} in: ${this.text}`);
  }

  /** @param caller the function whose argument it is */
  private labelsOf(node: SyntaxNode, caller: string | null): Set<string> | null {
    switch (node.name) {
      case 'VectorSelector':
        return this.selector(node, caller);
      case 'MatrixSelector':
      case 'ParenExpr':
      case 'OffsetExpr':
        return this.labelsOf(childrenOf(node)[0] ?? node, caller);
      case 'AggregateExpr':
        return this.aggregate(node);
      case 'FunctionCall':
        return this.call(node);
      case 'BinaryExpr':
        return this.binary(node);
      case 'NumberDurationLiteral':
        return null;
      default:
        throw new Error(`${node.name} is not understood by this check, in: ${this.text}`);
    }
  }

  private selector(node: SyntaxNode, caller: string | null): Set<string> {
    const written = this.textOf(node.getChild('Identifier'));
    const { spec, suffix } = this.find(written);
    this.metrics.add(spec.name);
    this.demand(
      (spec.type === 'histogram') === (suffix !== ''),
      `${written}: histograms, and only they, have a suffix`,
    );
    const isCounter = spec.type !== 'gauge';
    this.demand(
      OF_COUNTERS.has(caller ?? '') === isCounter,
      `${written} is a ${spec.type}, and not for ${caller ?? 'use as it is'}`,
    );
    const own = Object.keys(spec.labels);
    const labels = new Set([...OF_SCRAPES, ...own]);
    if (NODE_NAMES.has(spec.name)) labels.add('node');
    if (suffix === '_bucket') labels.add('le');
    for (const matcher of node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []) {
      this.matcher(matcher, spec, labels);
    }
    return labels;
  }

  private find(written: string): { spec: MetricSpec; suffix: string } {
    for (const suffix of ['', '_bucket', '_sum', '_count']) {
      const spec = written.endsWith(suffix)
        ? SPECS.get(written.slice(0, written.length - suffix.length))
        : undefined;
      if (spec !== undefined) return { spec, suffix };
    }
    throw new Error(`no metric ${written} is exported; in: ${this.text}`);
  }

  private matcher(node: SyntaxNode, spec: MetricSpec, labels: ReadonlySet<string>): void {
    const label = this.textOf(node.getChild('LabelName'));
    const operator = this.textOf(node.getChild('MatchOp'));
    const value = this.textOf(node.getChild('StringLiteral')).slice(1, -1);
    this.demand(labels.has(label), `${spec.name} has no label ${label}`);
    const values = valuesOf(spec.labels[label]);
    if (values === null) return;
    const pattern = new RegExp(`^(${operator.includes('~') ? value : escape(value)})$`);
    this.demand(
      values.some((one) => pattern.test(one)),
      `${label} of ${spec.name} is never ${operator}"${value}"`,
    );
  }

  private aggregate(node: SyntaxNode): Set<string> {
    const operator = this.textOf(node.getChild('AggregateOp'));
    const args = childrenOf(node.getChild('FunctionCallBody'));
    const [vector] = args.slice(-1);
    const inner = (vector && this.labelsOf(vector, null)) ?? new Set<string>();
    const modifier = node.getChild('AggregateModifier');
    if (operator === 'topk' || operator === 'bottomk') return inner;
    if (modifier === null) return new Set();
    this.demand(modifier.getChild('By') !== null, 'this check knows no "without"');
    const by = this.grouping(modifier);
    for (const label of by) this.demand(inner.has(label), `nothing below has the label ${label}`);
    return new Set(by);
  }

  private call(node: SyntaxNode): Set<string> | null {
    const name = this.textOf(node.getChild('FunctionIdentifier'));
    const [vector] = childrenOf(node.getChild('FunctionCallBody')).slice(-1);
    const inner = vector === undefined ? null : this.labelsOf(vector, name);
    if (name !== 'histogram_quantile') return inner;
    this.demand(inner?.has('le') === true, 'histogram_quantile wants the label le');
    inner?.delete('le');
    return inner;
  }

  private binary(node: SyntaxNode): Set<string> | null {
    const sides = childrenOf(node).filter(({ name }) => /(Expr|Call|Selector|Literal)$/.test(name));
    const [left, right] = sides.map((side) => this.labelsOf(side, null));
    const clause = node.getChild('MatchingModifierClause');
    for (const label of clause === null ? [] : this.grouping(clause)) {
      this.demand(
        left?.has(label) === true || right?.has(label) === true,
        `neither side has the label ${label}`,
      );
    }
    return left ?? right ?? null;
  }

  private grouping(node: SyntaxNode): string[] {
    const lists = node.getChildren('GroupingLabels');
    return lists.flatMap((list) => list.getChildren('LabelName').map((label) => this.textOf(label)));
  }
}

function childrenOf(node: SyntaxNode | null): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node?.firstChild ?? null; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

/**
 * The values of a label where the catalogue lists them; null where they are not ours, or it has none such.
 */
function valuesOf(description: string | undefined): string[] | null {
  if (description === undefined || !description.includes(',')) return null;
  return description
    .replaceAll(/\([^)]*\)/g, '')
    .split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
