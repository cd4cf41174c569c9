{{/* CPUs of a quantity such as 2, "1.5" or "500m", in thousandths. */}}
{{- define "sandpiper.milliCpu" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text -}}
{{- trimSuffix "m" $text -}}
{{- else -}}
{{- mulf (float64 $text) 1000 | int64 -}}
{{- end -}}
{{- end -}}

{{/* Memory of a pod whose cells run programs with the largest limit at the same time, MiB. The node divides it in the
same way (largestMemoryLimit of @sandpiper/controller): 128 for itself and 64 for each cell. Output is held twelve times
while it goes from cell to Redis (docs/sizing.md). */}}
{{- define "sandpiper.memoryFormula" -}}
{{- $root := index . 0 -}}
{{- $pool := index . 1 -}}
{{- $ceilings := $root.Values.ceilings -}}
{{- $output := mul 12 (int $ceilings.outputMiB) -}}
{{- $cell := add 64 (int $pool.runMemoryMiB) (int $ceilings.diskMiB) $output -}}
{{- add 128 $output (mul (int $pool.cells) $cell) -}}
{{- end -}}

{{/* What workers of a pool say of themselves: NAME=VALUE, separated by commas. */}}
{{- define "sandpiper.nodeLabels" -}}
{{- $pairs := list (printf "pool=%s" .name) -}}
{{- range $name, $value := .nodeLabels -}}
{{- $pairs = append $pairs (printf "%s=%s" $name $value) -}}
{{- end -}}
{{- join "," $pairs -}}
{{- end -}}

{{/* All pools with their defaults filled in, checked, as a JSON list. */}}
{{- define "sandpiper.pools" -}}
{{- $root := . -}}
{{- $pools := list -}}
{{- $names := dict -}}
{{- range $index, $given := .Values.pools -}}
{{- $pool := deepCopy $root.Values.poolDefaults -}}
{{- range $key, $value := $given -}}
{{- if eq $key "autoscaling" -}}
{{- range $name, $setting := $value -}}
{{- $_ := set $pool.autoscaling $name $setting -}}
{{- end -}}
{{- else -}}
{{- $_ := set $pool $key $value -}}
{{- end -}}
{{- end -}}
{{- $at := printf "pools[%d] (%s)" $index ($pool.name | default "without a name") -}}
{{- if not $pool.name -}}
{{- fail (printf "%s: name is missing: give each pool a name of its own" $at) -}}
{{- end -}}
{{- if hasKey $names $pool.name -}}
{{- fail (printf "%s: another pool has this name" $at) -}}
{{- end -}}
{{- $_ := set $names $pool.name true -}}
{{- include "sandpiper.checkPool" (list $root $at $given $pool) -}}
{{- $_ := set $pool "memoryMiB" (int ($pool.memoryMiB | default (include "sandpiper.memoryFormula" (list $root $pool)))) -}}
{{- $_ := set $pool "cpu" (toString ($pool.cpu | default (int $pool.cells))) -}}
{{- $_ := set $pool "terminationSeconds" (int ($pool.terminationSeconds | default (add (int $pool.graceSeconds) 15))) -}}
{{- $_ := set $pool "scaled" (ne $pool.autoscaling.kind "none") -}}
{{- $pools = append $pools $pool -}}
{{- end -}}
{{- toJson $pools -}}
{{- end -}}

{{/* Fails with one line for a pool that cannot work. */}}
{{- define "sandpiper.checkPool" -}}
{{- $root := index . 0 -}}
{{- $at := index . 1 -}}
{{- $given := index . 2 -}}
{{- $pool := index . 3 -}}
{{- if not $pool.cells -}}
{{- fail (printf "%s: cells is missing: say how many runs a pod executes at once, e.g. cells: 2" $at) -}}
{{- end -}}
{{- range $name := list "runtimeClassName" "priorityClassName" -}}
{{- if and (hasKey $pool $name) (not (index $pool $name)) -}}
{{- fail (printf "%s: %s is empty: name an object of the cluster, or leave it out" $at $name) -}}
{{- end -}}
{{- end -}}
{{- include "sandpiper.checkOwnLabels" (list $at $pool) -}}
{{- if hasKey $pool.nodeLabels "pool" -}}
{{- fail (printf "%s: nodeLabels: pool is the name of the pool; choose another name" $at) -}}
{{- end -}}
{{- $needed := int (include "sandpiper.memoryFormula" (list $root $pool)) -}}
{{- if and $pool.memoryMiB (lt (int $pool.memoryMiB) $needed) -}}
{{- fail (printf "%s: memoryMiB is %d, but %d cells with runs of %d MiB need %d: raise it, or lower cells or runMemoryMiB" $at (int $pool.memoryMiB) (int $pool.cells) (int $pool.runMemoryMiB) $needed) -}}
{{- end -}}
{{- if $pool.cpu -}}
{{- $milli := int (include "sandpiper.milliCpu" $pool.cpu) -}}
{{- if lt (int (add $milli 999)) (int (mul (int $pool.cells) 1000)) -}}
{{- fail (printf "%s: cpu is %s, but %d cells need %d: raise it, or lower cells" $at (toString $pool.cpu) (int $pool.cells) (int $pool.cells)) -}}
{{- end -}}
{{- end -}}
{{- $least := int (add (int $pool.graceSeconds) 15) -}}
{{- if and $pool.terminationSeconds (lt (int $pool.terminationSeconds) $least) -}}
{{- fail (printf "%s: terminationSeconds is %d, below graceSeconds + 15 = %d: the kubelet would kill runs before the grace ends" $at (int $pool.terminationSeconds) $least) -}}
{{- end -}}
{{- include "sandpiper.checkScaling" (list $root $at $given $pool.autoscaling) -}}
{{- end -}}

{{- define "sandpiper.checkScaling" -}}
{{- $root := index . 0 -}}
{{- $at := index . 1 -}}
{{- $given := index . 2 -}}
{{- $scaling := index . 3 -}}
{{- if ne $scaling.kind "none" -}}
{{- if hasKey $given "replicas" -}}
{{- fail (printf "%s: replicas is given, but autoscaling.kind is %s, which decides: remove replicas, and set autoscaling.min" $at $scaling.kind) -}}
{{- end -}}
{{- if gt (int $scaling.min) (int $scaling.max) -}}
{{- fail (printf "%s: autoscaling.min is %d, above autoscaling.max, which is %d" $at (int $scaling.min) (int $scaling.max)) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $scaling.kind "cpu") (lt (int $scaling.min) 1) -}}
{{- fail (printf "%s: autoscaling.min is 0: a pool without pods uses no CPU and would never come back; take 1, or kind: keda" $at) -}}
{{- end -}}
{{- if eq $scaling.kind "keda" -}}
{{- if and (eq $scaling.source "metrics-api") (not $root.Values.keys.metrics.secret) -}}
{{- fail (printf "%s: keys.metrics.secret is empty: KEDA asks the scheduler for its load with an API key of the scope metrics" $at) -}}
{{- end -}}
{{- if and (eq $scaling.source "prometheus") (not $scaling.prometheus.url) -}}
{{- fail (printf "%s: autoscaling.prometheus.url is empty: name the Prometheus that KEDA asks" $at) -}}
{{- end -}}
{{- if and (hasKey $scaling "fallbackReplicas") (gt (int $scaling.fallbackReplicas) (int $scaling.max)) -}}
{{- fail (printf "%s: autoscaling.fallbackReplicas is %d, above autoscaling.max, which is %d" $at (int $scaling.fallbackReplicas) (int $scaling.max)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What Prometheus is asked for. Schedulers read the load from Redis, so it is the same on each of them. Where the chart
makes the monitors, the operator's labels tell this release from others. A runtime without runs has no series: then the load
of the whole service says whether there is an answer at all. */}}
{{- define "sandpiper.loadQuery" -}}
{{- $root := index . 0 -}}
{{- $runtimes := index . 1 -}}
{{- $own := list -}}
{{- if $root.Values.monitoring.enabled -}}
{{- $own = list (printf "namespace=%s" (quote $root.Release.Namespace)) (printf "service=%s" (quote (include "sandpiper.name" (list $root "scheduler")))) -}}
{{- end -}}
{{- $all := printf "max(sandpiper_scheduler_load_runs%s)" (include "sandpiper.matchers" $own) -}}
{{- if $runtimes -}}
{{- $named := append $own (printf "runtime=~%s" (quote (join "|" $runtimes | replace "." "\\."))) -}}
sum(max by (runtime) (sandpiper_runtime_runs{{ include "sandpiper.matchers" $named }})) or 0 * {{ $all }}
{{- else -}}
{{- $all -}}
{{- end -}}
{{- end -}}

{{- define "sandpiper.matchers" -}}
{{- if . -}}{{- printf "{%s}" (join "," .) -}}{{- end -}}
{{- end -}}

{{/* Runtimes that a pool has, beside the one of programs that name none: runs for them wait while the pool has no pod. */}}
{{- define "sandpiper.expectedRuntimes" -}}
{{- $names := list -}}
{{- range include "sandpiper.pools" . | fromJsonArray -}}
{{- $names = concat $names .runtimes -}}
{{- end -}}
{{- without ($names | uniq | sortAlpha) "default" | join "," -}}
{{- end -}}

{{/* How fast a pool grows and shrinks. */}}
{{- define "sandpiper.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - { type: Percent, value: 100, periodSeconds: 15 }
    - { type: Pods, value: 4, periodSeconds: 15 }
scaleDown:
  stabilizationWindowSeconds: {{ int .stabilizationSeconds }}
  selectPolicy: Max
  policies:
    - { type: Percent, value: 25, periodSeconds: 60 }
{{- end -}}
