// The parts that the dashboard is put together of, as Grafana's JSON model has them.
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

const target = ([legend, expr], index, more = {}) => ({
  refId: String.fromCharCode(65 + index),
  datasource: DATASOURCE,
  editorMode: 'code',
  range: true,
  expr,
  legendFormat: legend,
  ...more,
});

const steps = (list) => ({
  mode: 'absolute',
  steps: list.map(([value, color]) => ({ value, color })),
});

/** A line for each series. `queries` are pairs of legend and expression. */
export function lines(title, unit, queries, { stacked = false, description = '', max } = {}) {
  return {
    width: 8,
    height: 8,
    panel: {
      type: 'timeseries',
      title,
      description,
      datasource: DATASOURCE,
      targets: queries.map((query, index) => target(query, index)),
      fieldConfig: {
        defaults: {
          unit,
          min: 0,
          ...(max === undefined ? {} : { max }),
          custom: {
            drawStyle: 'line',
            lineWidth: 1,
            fillOpacity: stacked ? 40 : 8,
            showPoints: 'never',
            spanNulls: false,
            stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
          },
        },
        overrides: [],
      },
      options: {
        legend: {
          displayMode: 'table',
          placement: 'bottom',
          showLegend: true,
          calcs: ['lastNotNull', 'max'],
        },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },
  };
}

/** One figure. `colors` are pairs of a value and the colour from there on; the first value is null. */
export function figure(title, unit, expr, colors = [[null, 'blue']], { description = '', decimals } = {}) {
  return {
    width: 3,
    height: 4,
    panel: {
      type: 'stat',
      title,
      description,
      datasource: DATASOURCE,
      targets: [target(['', expr], 0)],
      fieldConfig: {
        defaults: {
          unit,
          ...(decimals === undefined ? {} : { decimals }),
          noValue: '-',
          color: { mode: 'thresholds' },
          thresholds: steps(colors),
        },
        overrides: [],
      },
      options: {
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        colorMode: 'value',
        graphMode: 'area',
        justifyMode: 'auto',
        orientation: 'auto',
        textMode: 'auto',
      },
    },
  };
}

/** How often which duration, over time, of the buckets of a histogram. */
export function heatmap(title, expr, { description = '' } = {}) {
  return {
    width: 8,
    height: 8,
    panel: {
      type: 'heatmap',
      title,
      description,
      datasource: DATASOURCE,
      targets: [target(['{{le}}', expr], 0, { format: 'heatmap' })],
      fieldConfig: { defaults: {}, overrides: [] },
      options: {
        calculate: false,
        cellGap: 1,
        color: { mode: 'scheme', scheme: 'Oranges', exponent: 0.5, steps: 64 },
        yAxis: { unit: 's', axisPlacement: 'left' },
        tooltip: { mode: 'single', showColorScale: false, yHistogram: false },
        legend: { show: true },
      },
    },
  };
}

const COLUMNS = 24;

/** Rows of panels, each row under its title; panels stand side by side as long as there is room. */
export function layOut(rows) {
  const panels = [];
  let id = 0;
  let y = 0;
  for (const [title, row] of rows) {
    panels.push({
      id: ++id,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    let x = 0;
    let tallest = 0;
    for (const { width, height, panel } of row) {
      if (x + width > COLUMNS) {
        x = 0;
        y += tallest;
        tallest = 0;
      }
      panels.push({ id: ++id, ...panel, gridPos: { x, y, w: width, h: height } });
      x += width;
      tallest = Math.max(tallest, height);
    }
    y += tallest;
  }
  return panels;
}

const variable = (more) => ({ hide: 0, skipUrlSync: false, ...more });

export const VARIABLES = [
  variable({ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus', refresh: 1 }),
  variable({
    name: 'node',
    label: 'Node',
    type: 'query',
    datasource: DATASOURCE,
    definition: 'label_values(sandpiper_node_ready, node)',
    query: { query: 'label_values(sandpiper_node_ready, node)', refId: 'node' },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.*',
    current: { selected: true, text: ['All'], value: ['$__all'] },
  }),
];
