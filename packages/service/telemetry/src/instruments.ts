import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { MetricSpec } from './metric-names.js';

type LabelsOf<Spec extends MetricSpec> = Extract<keyof Spec['labels'], string>;

/** Creates instruments from the rows of the catalogue, in one registry. */
export class Instruments {
  constructor(private readonly registry: Registry) {}

  counter<Spec extends MetricSpec & { type: 'counter' }>(spec: Spec): Counter<LabelsOf<Spec>> {
    return new Counter(this.settings(spec));
  }

  /**
   * A counter with one label of known values: each starts at 0. Otherwise Prometheus would not see the first
   * event as an increase.
   */
  counterOf<Spec extends MetricSpec & { type: 'counter' }>(
    spec: Spec,
    label: LabelsOf<Spec>,
    values: readonly string[],
  ): Counter<LabelsOf<Spec>> {
    const counter = this.counter(spec);
    for (const value of values) counter.inc({ [label]: value } as Record<LabelsOf<Spec>, string>, 0);
    return counter;
  }

  gauge<Spec extends MetricSpec & { type: 'gauge' }>(spec: Spec): Gauge<LabelsOf<Spec>> {
    return new Gauge(this.settings(spec));
  }

  histogram<Spec extends MetricSpec & { type: 'histogram' }>(spec: Spec): Histogram<LabelsOf<Spec>> {
    return new Histogram({ ...this.settings(spec), buckets: [...(spec.buckets ?? [])] });
  }

  private settings<Spec extends MetricSpec>({ name, help, labels }: Spec) {
    return {
      name,
      help,
      labelNames: Object.keys(labels) as LabelsOf<Spec>[],
      registers: [this.registry],
    };
  }
}
