// make-dashboard.mjs [--check]: writes deploy/grafana/sandpiper.json, or says whether it is what would be written.
// Names and labels are checked against the catalogue of metrics by packages/service/telemetry/test/operations.test.ts.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { figure, heatmap, layOut, lines, VARIABLES } from './dashboard-panels.mjs';

const file = new URL('../../deploy/grafana/sandpiper.json', import.meta.url);

const NODE = 'node=~"$node"';
/** Per second. */
const rate = (series) => `rate(${series}[$__rate_interval])`;
const sumBy = (labels, expr) => (labels === '' ? `sum(${expr})` : `sum by (${labels}) (${expr})`);
/** What schedulers read from Redis is the same on each of them. */
const same = (labels, expr) => (labels === '' ? `max(${expr})` : `max by (${labels}) (${expr})`);
const quantile = (q, histogram, by = '', matchers = '') =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${histogram}_bucket${matchers}`)}))`;
const quantiles = (histogram, matchers) => [
  ['p50', quantile(0.5, histogram, '', matchers)],
  ['p95', quantile(0.95, histogram, '', matchers)],
  ['p99', quantile(0.99, histogram, '', matchers)],
];

const BAD_ABOVE_NONE = [
  [null, 'green'],
  [1, 'red'],
];
const GOOD_IF_ANY = [
  [null, 'red'],
  [1, 'green'],
];

const ended = (by) => sumBy(by, same('status, engine', rate('sandpiper_runs_total')));

const service = [
  figure('Runs ended', 'ops', ended(''), undefined, { description: 'A second, of all nodes', decimals: 1 }),
  figure('Waiting', 'short', same('', 'sandpiper_scheduler_queue_depth{state="waiting"}')),
  figure('Running', 'short', same('', 'sandpiper_scheduler_queue_depth{state="running"}')),
  figure('Submission to result, p95', 's', quantile(0.95, 'sandpiper_node_run_latency_seconds')),
  figure('Nodes ready', 'short', same('', 'sandpiper_nodes{state="ready"}'), GOOD_IF_ANY),
  figure('Nodes lost', 'short', same('', 'sandpiper_nodes{state="lost"}'), BAD_ABOVE_NONE),
  figure('Dead letters', 'short', same('', 'sandpiper_dead_letters'), BAD_ABOVE_NONE, {
    description: 'Runs that were given up after too many failed attempts',
  }),
  figure('Redis', 'short', 'min(sandpiper_scheduler_redis_up)', GOOD_IF_ANY, {
    description: '1 while every scheduler reaches it',
  }),
  lines('Submitted and ended', 'ops', [
    ['submitted: {{kind}}', sumBy('kind', rate('sandpiper_scheduler_submitted_total'))],
    ['runs ended', ended('')],
  ]),
  lines(
    'Answers of the API',
    'reqps',
    [['{{status}}', sumBy('status', rate('sandpiper_http_requests_total'))]],
    {
      stacked: true,
    },
  ),
  lines(
    'Refused submissions',
    'ops',
    [['{{reason}}', sumBy('reason', rate('sandpiper_scheduler_refused_total'))]],
    {
      stacked: true,
      description: 'Well-formed, and refused all the same: the queue is full, a quota is used up',
    },
  ),
  lines(
    'Time to answer, p95',
    's',
    [['{{method}} {{route}}', quantile(0.95, 'sandpiper_http_request_duration_seconds', 'method, route')]],
    { description: 'Long-polls and streams count with their wait' },
  ),
  lines('Lag of event loops, p99', 's', [['{{job}} {{instance}}', 'nodejs_eventloop_lag_p99_seconds']], {
    description: 'A node whose loop is blocked loses the locks of its runs',
  }),
  lines('CPU of services', 'percentunit', [['{{job}} {{instance}}', rate('process_cpu_seconds_total')]], {
    description: 'Of the processes of schedulers and nodes with their threads; guests are not in it',
  }),
];

const queue = [
  lines('Runs that have not ended', 'short', [
    ['{{state}}', same('state', 'sandpiper_scheduler_queue_depth')],
    ['all', same('', 'sandpiper_scheduler_load_runs')],
  ]),
  lines('Runs that have not ended, by runtime', 'short', [
    ['{{runtime}}', same('runtime', 'sandpiper_runtime_runs')],
  ]),
  lines(
    'Waiting, by tenant',
    'short',
    [['{{tenant}}', `topk(10, ${same('tenant', 'sandpiper_tenant_waiting')})`]],
    {
      stacked: true,
      description: 'The ten with the most',
    },
  ),
  lines(
    'How long the next run has waited, by tenant',
    's',
    [['{{tenant}}', `topk(10, ${same('tenant', 'sandpiper_tenant_next_age_seconds')})`]],
    { description: 'The ten that wait longest' },
  ),
  lines(
    'On a node, by tenant',
    'short',
    [['{{tenant}}', `topk(10, ${same('tenant', 'sandpiper_tenant_inflight')})`]],
    { stacked: true },
  ),
  lines('Submission to claim', 's', quantiles('sandpiper_node_queue_wait_seconds')),
  lines('Taken in, and put back', 'short', [
    ['batches being taken in', same('', 'sandpiper_staging_batches')],
    ['runs that no node had, in 5 min', 'sum(increase(sandpiper_scheduler_put_back_total[5m]))'],
  ]),
];

const nodes = [
  lines('Nodes', 'short', [['{{state}}', same('state', 'sandpiper_nodes')]], { stacked: true }),
  lines('Cells', 'short', [['{{state}}', same('state', 'sandpiper_cells')]], { stacked: true }),
  lines(
    'Cells that are busy, by node',
    'percentunit',
    [
      [
        '{{node}}',
        `sum by (node) (sandpiper_node_cells{state="busy", ${NODE}}) / sum by (node) (sandpiper_node_cells{${NODE}})`,
      ],
    ],
    { max: 1 },
  ),
  lines('Runs, by node', 'ops', [['{{node}}', sumBy('node', rate(`sandpiper_node_runs_total{${NODE}}`))]], {
    stacked: true,
  }),
  lines('Node takes runs', 'short', [['{{node}}', `sandpiper_node_ready{${NODE}}`]], { max: 1 }),
  lines('Trouble', 'short', [
    [
      'cells rebuilt, in 5 min: {{node}}',
      `sum by (node) (increase(sandpiper_node_cell_restarts_total{${NODE}}[5m]))`,
    ],
    [
      'attempts lost, in 5 min: {{reason}}',
      `sum by (reason) (increase(sandpiper_node_lost_attempts_total{${NODE}}[5m]))`,
    ],
  ]),
  lines(
    'Starts of guests',
    'ops',
    [['{{start}}', sumBy('start', rate(`sandpiper_node_starts_total{${NODE}}`))]],
    {
      stacked: true,
      description: 'forked of a parked interpreter, or started for the run (cold)',
    },
  ),
  lines('Memory of services', 'bytes', [['{{job}} {{instance}}', 'process_resident_memory_bytes']]),
  lines(
    'CPU of controllers',
    'percentunit',
    [['{{node}}', rate(`sandpiper_node_controller_cpu_seconds_total{${NODE}}`)]],
    { description: 'Spent on answering calls of guests; 100% is one CPU' },
  ),
];

const STAGE = 'sandpiper_node_stage_seconds';
const latency = [
  lines(
    'Stages, mean',
    's',
    [
      [
        '{{stage}}',
        `sum by (stage) (${rate(`${STAGE}_sum{${NODE}}`)}) / sum by (stage) (${rate(`${STAGE}_count{${NODE}}`)})`,
      ],
    ],
    { stacked: true, description: 'Where the time of a run goes, from its submission to its written result' },
  ),
  lines('Stages, p95', 's', [['{{stage}}', quantile(0.95, STAGE, 'stage', `{${NODE}}`)]]),
  heatmap('Submission to result', sumBy('le', rate('sandpiper_node_run_latency_seconds_bucket'))),
  lines('Submission to result', 's', quantiles('sandpiper_node_run_latency_seconds')),
  lines('Wall time of programs', 's', quantiles('sandpiper_node_run_duration_seconds', `{${NODE}}`)),
  lines('CPU time of programs', 's', quantiles('sandpiper_node_run_cpu_seconds', `{${NODE}}`)),
];

const statuses = [
  lines('Runs ended, by status', 'ops', [['{{status}}', ended('status')]], { stacked: true }),
  lines(
    'Ended by a limit',
    'percentunit',
    [
      [
        '{{status}}',
        `${sumBy('status', same('status, engine', rate('sandpiper_runs_total{status=~".*-limit"}')))} / ignoring(status) group_left ${ended('')}`,
      ],
    ],
    { description: 'Share of all runs' },
  ),
  lines("Not the program's doing", 'percentunit', [
    [
      'internal-error',
      `${sumBy('', same('status, engine', rate('sandpiper_runs_total{status="internal-error"}')))} / ${ended('')}`,
    ],
    [
      'violation',
      `${sumBy('', same('status, engine', rate('sandpiper_runs_total{status="violation"}')))} / ${ended('')}`,
    ],
    [
      'times not to be trusted',
      `sum(${rate('sandpiper_node_unreliable_runs_total')}) / sum(${rate('sandpiper_node_runs_total')})`,
    ],
  ]),
  lines('Calls of guests', 'ops', [
    ['answered: {{engine}}', sumBy('engine', rate('sandpiper_node_guest_calls_total'))],
    ['denied: {{engine}}', sumBy('engine', rate('sandpiper_node_denied_calls_total'))],
  ]),
];

const redis = [
  lines(
    'Reached',
    'short',
    [
      ['scheduler {{instance}}', 'sandpiper_scheduler_redis_up'],
      ['node {{node}}', `sandpiper_node_redis_up{${NODE}}`],
    ],
    { max: 1 },
  ),
  lines('Time to answer', 's', [['{{instance}}', 'sandpiper_scheduler_redis_ping_seconds']]),
  lines(
    'Memory',
    'bytes',
    [
      ['used', same('', 'sandpiper_redis_memory_used_bytes')],
      ['at most (0: no bound)', same('', 'sandpiper_redis_memory_max_bytes')],
    ],
    { description: 'Empty where the user of Redis may not ask, and for a cluster' },
  ),
  lines('Bytes of runs and batches', 'bytes', [
    ['{{part}}', same('part', 'sandpiper_stored_bytes')],
    ['{{part}}, at most', same('part', 'sandpiper_stored_bytes_max')],
  ]),
  lines('Bytes of a tenant, the ten with the most', 'bytes', [
    ['{{tenant}}, {{part}}', `topk(10, ${same('tenant, part', 'sandpiper_tenant_stored_bytes')})`],
  ]),
  lines('Ended runs and batches that are kept', 'short', [
    ['kept', same('', 'sandpiper_kept_records')],
    ['at most', same('', 'sandpiper_kept_records_max')],
  ]),
  lines('Ended runs and batches removed, a second', 'short', [
    ['{{reason}}', 'max by (reason) (rate(sandpiper_removed_records_total[5m]))'],
  ]),
  lines('Connections made anew, in 5 min', 'short', [
    ['scheduler {{instance}}', 'increase(sandpiper_scheduler_redis_reconnects_total[5m])'],
    ['node {{node}}', `increase(sandpiper_node_redis_reconnects_total{${NODE}}[5m])`],
    ['node {{node}}, too few replicas', `increase(sandpiper_node_unreplicated_results_total{${NODE}}[5m])`],
  ]),
];

const callbacks = [
  lines('Attempts', 'ops', [['{{outcome}}', sumBy('outcome', rate('sandpiper_scheduler_callbacks_total'))]], {
    stacked: true,
  }),
  lines('Where they stand', 'short', [['{{state}}', same('state', 'sandpiper_callback_depth')]], {
    description: 'failed: given up; GET /v1/callbacks/failed lists them',
  }),
];

const dashboard = {
  title: 'Sandpiper',
  uid: 'sandpiper',
  description: 'Made by scripts/lib/make-dashboard.mjs',
  tags: ['sandpiper'],
  schemaVersion: 39,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: '30s',
  time: { from: 'now-3h', to: 'now' },
  timezone: 'browser',
  links: [],
  annotations: { list: [] },
  templating: { list: VARIABLES },
  panels: layOut([
    ['Service', service],
    ['Queue and tenants', queue],
    ['Nodes and cells', nodes],
    ['Latency, stage by stage', latency],
    ['Statuses and limits', statuses],
    ['Redis', redis],
    ['Callbacks', callbacks],
  ]),
};

const text = `${JSON.stringify(dashboard, null, 2)}\n`;
if (process.argv[2] === '--check') {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) process.exit(0);
  console.error('deploy/grafana/sandpiper.json is not what is made: run node scripts/lib/make-dashboard.mjs');
  process.exit(1);
}
writeFileSync(file, text);
