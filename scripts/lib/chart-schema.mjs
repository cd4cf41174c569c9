/**
 * The JSON schema of the chart's values. Draft 7, because Helm 3 knows no later one. Every object refuses names that it does
 * not know. What several values say together is checked by the chart's templates, which name both of them.
 */

/** Variables that the chart sets itself, from other values. */
const OF_THE_CHART = {
  scheduler: [
    'SANDPIPER_HOST',
    'SANDPIPER_PORT',
    'SANDPIPER_AUTH',
    'SANDPIPER_ADMIN_KEY',
    'SANDPIPER_ADMIN_KEY_FILE',
    'SANDPIPER_CALLBACK_SECRET',
    'SANDPIPER_CALLBACK_SECRET_FILE',
    'SANDPIPER_STOP_DELAY_MS',
    'SANDPIPER_ALLOWED_HOSTS',
    'SANDPIPER_JUDGE_FOLDER',
    'SANDPIPER_MAX_MEMORY_BYTES',
    'SANDPIPER_MAX_DISK_BYTES',
    'SANDPIPER_MAX_OUTPUT_BYTES',
    'SANDPIPER_EXPECTED_RUNTIMES',
  ],
  worker: [
    'SANDPIPER_HOST',
    'SANDPIPER_PORT',
    'SANDPIPER_ADVERTISE',
    'SANDPIPER_NODE_NAME',
    'SANDPIPER_LABELS',
    'SANDPIPER_SERVES',
    'SANDPIPER_CELLS',
    'SANDPIPER_GRACE_MS',
    'SANDPIPER_MEMORY_BYTES',
  ],
};

/** Settings of the connection to Redis are those of `redis`; its deadline of one command is the scheduler's own. */
const isOfRedis = (name) => /^SANDPIPER_REDIS_(?!TIMEOUT_MS$)/.test(name);

const text = { type: 'string' };
const filled = { type: 'string', minLength: 1 };
const flag = { type: 'boolean' };
const integer = (minimum, maximum) => ({ type: 'integer', minimum, maximum });
const oneOf = (...values) => ({ enum: values });
const matching = (pattern) => ({ type: 'string', pattern });
const listOf = (items) => ({ type: 'array', items });
const object = (properties, required = []) => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(required.length === 0 ? {} : { required }),
});
/** A map of names to texts; `keys` is a pattern of the names. */
const mapOf = (keys, values = text) => ({
  type: 'object',
  additionalProperties: false,
  patternProperties: { [keys]: values },
});

const LABEL = '^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$';
const LABEL_VALUE = '^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$';
const labels = mapOf(LABEL, matching(LABEL_VALUE));
const annotations = mapOf(LABEL);
const quantity = matching('^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$');
const cpu = { type: ['string', 'number'], pattern: '^([0-9]+(\\.[0-9]+)?|[0-9]+m)$', exclusiveMinimum: 0 };
const DNS_NAME = '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$';
const objectName = matching(`^$|${DNS_NAME}`);
const SECRET_ENTRY = '^[A-Za-z0-9._-]{1,253}$';
const secretOf = (...keys) =>
  object({
    secret: objectName,
    ...Object.fromEntries(keys.map((key) => [key, matching(SECRET_ENTRY)])),
  });

const selector = object({
  matchLabels: labels,
  matchExpressions: listOf(
    object(
      {
        key: matching(LABEL),
        operator: oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'),
        values: listOf(matching(LABEL_VALUE)),
      },
      ['key', 'operator'],
    ),
  ),
});
const cidr = matching('^([0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}|[0-9a-fA-F:]+/[0-9]{1,3})$');
const peers = listOf({
  ...object({
    podSelector: selector,
    namespaceSelector: selector,
    ipBlock: object({ cidr, except: listOf(cidr) }, ['cidr']),
  }),
  minProperties: 1,
});
const tolerations = listOf(
  object({
    key: text,
    operator: oneOf('Exists', 'Equal'),
    value: text,
    effect: oneOf('NoSchedule', 'PreferNoSchedule', 'NoExecute'),
    tolerationSeconds: integer(0, 1_000_000),
  }),
);
const port = integer(1, 65_535);
const tag = matching('^$|^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$');

/** `| name | default | values | meaning |`, as scripts/lib/document-configuration.mjs writes them. */
function settingOf(row) {
  const [, name = '', , values = ''] = row.split('|').map((cell) => cell.trim());
  const bounds = /^(\d+) to (\d+)$/.exec(values);
  const names = [...values.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
  const schema =
    bounds === null
      ? names.length > 0
        ? oneOf(...names)
        : filled
      : integer(Number(bounds[1]), Number(bounds[2]));
  return [name.replaceAll('`', ''), schema];
}

/** The settings of one service that a user of the chart may give. */
function settings(page, heading, service) {
  const chapter = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const rows = chapter.split('\n').filter((line) => line.startsWith('| `SANDPIPER_'));
  if (rows.length === 0) throw new Error(`docs/configuration.md has no settings under "${heading}"`);
  const all = rows
    .map(settingOf)
    .filter(([name]) => !OF_THE_CHART[service].includes(name) && !isOfRedis(name));
  return object(Object.fromEntries(all));
}

const autoscaling = object({
  kind: oneOf('none', 'keda', 'cpu'),
  min: integer(0, 1000),
  max: integer(1, 1000),
  cpuPercent: integer(1, 100),
  runsPerCell: integer(1, 1000),
  share: integer(1, 100),
  source: oneOf('metrics-api', 'prometheus'),
  pollingSeconds: integer(1, 3600),
  cooldownSeconds: integer(0, 86_400),
  stabilizationSeconds: integer(0, 3600),
  fallbackReplicas: integer(1, 1000),
  prometheus: object({ url: matching('^$|^https?://'), query: text }),
});

/** What a pool has, and poolDefaults has as well. A name or a number that is missing gets a better message by a template. */
const poolProperties = (page) => ({
  replicas: integer(0, 1000),
  runMemoryMiB: integer(8, 65_536),
  cpu,
  memoryMiB: integer(1, 16_777_216),
  graceSeconds: integer(0, 3600),
  terminationSeconds: integer(1, 86_400),
  maxUnavailable: { type: ['integer', 'string'], minimum: 1, pattern: '^([1-9][0-9]?|100)%$' },
  autoscaling,
  // As runtimeNameSchema of @sandpiper/contracts.
  runtimes: listOf(matching('^[a-z0-9][a-z0-9._-]{0,62}$')),
  settings: settings(page, 'Node', 'worker'),
  // As nodeLabelsSchema of @sandpiper/contracts; `pool` is the chart's.
  nodeLabels: mapOf('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$', matching('^[\\w./:-]{0,63}$')),
  labels,
  annotations,
  nodeSelector: labels,
  tolerations,
  runtimeClassName: objectName,
  priorityClassName: objectName,
  hostUsers: flag,
  imageTag: tag,
});

/** @param {string} page the text of docs/configuration.md */
export function valuesSchema(page) {
  const pool = poolProperties(page);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart sandpiper; made by scripts/lib/make-chart.mjs',
    ...object({
      // Helm gives it to charts that are part of another chart.
      global: { type: 'object' },
      fullnameOverride: matching('^$|^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
      image: object({
        repository: filled,
        tag,
        digest: matching('^$|^sha256:[0-9a-f]{64}$'),
        pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
        pullSecrets: listOf(matching(DNS_NAME)),
      }),
      keys: object({ admin: secretOf('key'), callbacks: secretOf('key'), metrics: secretOf('key') }),
      redis: object({
        // Credentials in a URL would be readable in the Deployment.
        url: matching('^$|^rediss?(-sentinel|-cluster)?://[^@\\s]+$'),
        username: text,
        password: secretOf('key'),
        sentinel: object({ username: text, password: secretOf('key') }),
        tls: object({ ca: secretOf('key'), client: secretOf('certKey', 'keyKey') }),
        waitReplicas: integer(0, 10),
        waitMs: integer(10, 60_000),
        tryOut: object({
          enabled: flag,
          image: filled,
          memoryMiB: integer(64, 65_536),
          storage: quantity,
          storageClassName: objectName,
        }),
      }),
      ceilings: object({ diskMiB: integer(1, 4096), outputMiB: integer(1, 256) }),
      listenAddress: oneOf('0.0.0.0', '::'),
      scheduler: object({
        replicas: integer(0, 100),
        imageTag: tag,
        cpu,
        memoryMiB: integer(1, 16_777_216),
        stopDelaySeconds: integer(0, 300),
        terminationSeconds: integer(10, 3600),
        packagesMiB: integer(128, 1_048_576),
        allowedHosts: listOf(matching('^[\\w.:-]{1,253}$')),
        settings: settings(page, 'Scheduler', 'scheduler'),
        service: object({ type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer'), annotations }),
        labels,
        annotations,
        nodeSelector: labels,
        tolerations,
        priorityClassName: objectName,
      }),
      pools: {
        type: 'array',
        minItems: 1,
        items: object({
          name: matching('^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$'),
          cells: integer(1, 1024),
          ...pool,
        }),
      },
      poolDefaults: object(pool),
      ingress: object({
        enabled: flag,
        className: objectName,
        host: objectName,
        tlsSecret: objectName,
        annotations,
      }),
      networkPolicy: object({
        enabled: flag,
        clients: peers,
        monitoring: peers,
        keda: peers,
        redis: peers,
        redisPorts: listOf(port),
        callbackPorts: { ...listOf(port), minItems: 1 },
        clusterRanges: listOf(cidr),
      }),
      tracing: object({
        endpoint: matching('^$|^https?://'),
        collectors: peers,
        headers: secretOf('key'),
        env: mapOf('^OTEL_[A-Z0-9_]+$', { type: ['string', 'number', 'boolean'] }),
      }),
      monitoring: object({
        enabled: flag,
        labels,
        interval: matching('^[1-9][0-9]*(s|m)$'),
        rules: flag,
        runbookBase: matching('^$|^https?://'),
        dashboard: flag,
        dashboardLabels: labels,
      }),
      test: object({ enabled: flag, timeoutSeconds: integer(10, 3600) }),
    }),
  };
}
