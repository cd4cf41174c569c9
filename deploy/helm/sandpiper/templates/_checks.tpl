{{/* Fails with one line where values contradict each other; the schema has looked at each of them alone. */}}
{{- define "sandpiper.check" -}}
{{- include "sandpiper.checkKeys" . -}}
{{- include "sandpiper.checkRedis" . -}}
{{- include "sandpiper.checkScheduler" . -}}
{{- include "sandpiper.checkTracing" . -}}
{{- end -}}

{{- define "sandpiper.checkKeys" -}}
{{- if not .Values.keys.admin.secret -}}
{{- fail "keys.admin.secret is empty: create a Secret with the entry admin-key (openssl rand -hex 32) and name it" -}}
{{- end -}}
{{- if and .Values.monitoring.enabled (not .Values.keys.metrics.secret) -}}
{{- fail "keys.metrics.secret is empty: with monitoring.enabled, Prometheus sends this API key to the scheduler" -}}
{{- end -}}
{{- end -}}

{{- define "sandpiper.checkRedis" -}}
{{- $redis := .Values.redis -}}
{{- $url := include "sandpiper.redisUrl" . -}}
{{- if and (not $redis.url) (not $redis.tryOut.enabled) -}}
{{- fail "redis.url is empty: give the address of your Redis, or set redis.tryOut.enabled=true to try Sandpiper out" -}}
{{- end -}}
{{- if and $redis.url $redis.tryOut.enabled -}}
{{- fail "redis.url and redis.tryOut.enabled are both set: choose one" -}}
{{- end -}}
{{- if and $redis.tryOut.enabled $redis.username -}}
{{- fail "redis.username is set, but redis.tryOut has no user other than the default one" -}}
{{- end -}}
{{- if and $redis.username (not $redis.password.secret) -}}
{{- fail "redis.username needs a password: set redis.password.secret" -}}
{{- end -}}
{{- if and (or $redis.sentinel.username $redis.sentinel.password.secret) (not (contains "-sentinel://" $url)) -}}
{{- fail "redis.sentinel is for a redis.url that begins with redis-sentinel:// or rediss-sentinel://" -}}
{{- end -}}
{{- if and $redis.sentinel.username (not $redis.sentinel.password.secret) -}}
{{- fail "redis.sentinel.username needs a password: set redis.sentinel.password.secret" -}}
{{- end -}}
{{- if and (or $redis.tls.ca.secret $redis.tls.client.secret) (not (hasPrefix "rediss" $url)) -}}
{{- fail "redis.tls is for encrypted connections: redis.url must begin with rediss" -}}
{{- end -}}
{{- end -}}

{{- define "sandpiper.checkScheduler" -}}
{{- $scheduler := .Values.scheduler -}}
{{- $bodies := index $scheduler.settings "SANDPIPER_BODIES_IN_FLIGHT" | default 268435456 -}}
{{- $needed := int (add 256 (div (add (mul 2 (int64 $bodies)) 1048575) 1048576)) -}}
{{- if lt (int $scheduler.memoryMiB) $needed -}}
{{- fail (printf "scheduler.memoryMiB is %d, but SANDPIPER_BODIES_IN_FLIGHT of %d bytes needs %d: raise it, or lower that setting" (int $scheduler.memoryMiB) (int64 $bodies) $needed) -}}
{{- end -}}
{{- include "sandpiper.checkOwnLabels" (list "scheduler" $scheduler) -}}
{{- if and (hasKey $scheduler "priorityClassName") (not $scheduler.priorityClassName) -}}
{{- fail "scheduler.priorityClassName is empty: name an object of the cluster, or leave it out" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "ingress.host is empty: give the host name that clients use" -}}
{{- end -}}
{{- end -}}

{{- define "sandpiper.checkTracing" -}}
{{- range $name := keys .Values.tracing.env | sortAlpha -}}
{{- if hasSuffix "_HEADERS" $name -}}
{{- fail (printf "tracing.env has %s, which may hold a token: put it into a Secret, and name that in tracing.headers" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.tracing.headers.secret (not .Values.tracing.endpoint) -}}
{{- fail "tracing.headers is given, but tracing.endpoint is empty: name the collector" -}}
{{- end -}}
{{- end -}}

{{/* The largest memory limit that every pool accepts, bytes: a pool takes every run. */}}
{{- define "sandpiper.memoryCeiling" -}}
{{- $least := 65536 -}}
{{- range include "sandpiper.pools" . | fromJsonArray -}}
{{- $least = min $least (int .runMemoryMiB) -}}
{{- end -}}
{{- mul $least 1048576 -}}
{{- end -}}

{{/* Labels that the chart sets: include "sandpiper.checkOwnLabels" (list WHERE VALUES) */}}
{{- define "sandpiper.checkOwnLabels" -}}
{{- $at := index . 0 -}}
{{- range $key := keys ((index . 1).labels | default dict) | sortAlpha -}}
{{- if or (hasPrefix "app.kubernetes.io/" $key) (hasPrefix "sandpiper/" $key) (eq $key "helm.sh/chart") -}}
{{- fail (printf "%s: labels has %s, which the chart sets itself: remove it" $at $key) -}}
{{- end -}}
{{- end -}}
{{- range $key := keys ((index . 1).nodeSelector | default dict) | sortAlpha -}}
{{- if or (eq $key "kubernetes.io/arch") (eq $key "kubernetes.io/os") -}}
{{- fail (printf "%s: nodeSelector has %s, which the chart sets itself: Sandpiper runs on linux/amd64 alone" $at $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
