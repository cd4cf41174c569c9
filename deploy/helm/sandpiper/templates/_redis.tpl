{{/* The address of Redis: that of the values, or of the server for trying out. */}}
{{- define "sandpiper.redisUrl" -}}
{{- if .Values.redis.tryOut.enabled -}}
redis://{{ include "sandpiper.name" (list . "redis") }}:6379
{{- else -}}
{{ .Values.redis.url }}
{{- end -}}
{{- end -}}

{{/* The files of Redis that the values name, as sources of a projected volume. A Secret that lacks an entry keeps the pod
from starting, and the pod's events name both. */}}
{{- define "sandpiper.redisSources" -}}
{{- $redis := .Values.redis -}}
{{- with $redis.password }}{{ if .secret }}
- secret: { name: {{ .secret }}, items: [{ key: {{ .key }}, path: password }] }
{{- end }}{{ end }}
{{- with $redis.sentinel.password }}{{ if .secret }}
- secret: { name: {{ .secret }}, items: [{ key: {{ .key }}, path: sentinel-password }] }
{{- end }}{{ end }}
{{- with $redis.tls.ca }}{{ if .secret }}
- secret: { name: {{ .secret }}, items: [{ key: {{ .key }}, path: ca.crt }] }
{{- end }}{{ end }}
{{- with $redis.tls.client }}{{ if .secret }}
- secret:
    name: {{ .secret }}
    items:
      - { key: {{ .certKey }}, path: client.crt }
      - { key: {{ .keyKey }}, path: client.key }
{{- end }}{{ end }}
{{- end -}}

{{- define "sandpiper.redisVolume" -}}
{{- with include "sandpiper.redisSources" . | trim }}
- name: redis
  projected:
    # 0440: the group is fsGroup.
    defaultMode: 288
    sources:
      {{- . | nindent 6 }}
{{- end }}
{{- end -}}

{{- define "sandpiper.redisMount" -}}
{{- if include "sandpiper.redisSources" . }}
- name: redis
  mountPath: /etc/sandpiper/redis
  readOnly: true
{{- end }}
{{- end -}}

{{- define "sandpiper.redisEnv" -}}
{{- $redis := .Values.redis -}}
- name: SANDPIPER_REDIS_URL
  value: {{ include "sandpiper.redisUrl" . | quote }}
{{- with $redis.username }}
- name: SANDPIPER_REDIS_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if $redis.password.secret }}
- name: SANDPIPER_REDIS_PASSWORD_FILE
  value: /etc/sandpiper/redis/password
{{- end }}
{{- with $redis.sentinel.username }}
- name: SANDPIPER_REDIS_SENTINEL_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if $redis.sentinel.password.secret }}
- name: SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE
  value: /etc/sandpiper/redis/sentinel-password
{{- end }}
{{- if $redis.tls.ca.secret }}
- name: SANDPIPER_REDIS_CA
  value: /etc/sandpiper/redis/ca.crt
{{- end }}
{{- if $redis.tls.client.secret }}
- name: SANDPIPER_REDIS_CERT
  value: /etc/sandpiper/redis/client.crt
- name: SANDPIPER_REDIS_KEY
  value: /etc/sandpiper/redis/client.key
{{- end }}
- name: SANDPIPER_REDIS_WAIT_REPLICAS
  value: {{ $redis.waitReplicas | int | quote }}
- name: SANDPIPER_REDIS_WAIT_MS
  value: {{ $redis.waitMs | int | quote }}
{{- end -}}

{{/* Ports of Redis, as a JSON list: those in the URL, or the usual one of its kind, and those of the values. */}}
{{- define "sandpiper.redisPorts" -}}
{{- $url := include "sandpiper.redisUrl" . -}}
{{- $hosts := regexReplaceAll "^[a-z-]+://" $url "" | splitList "/" | first -}}
{{- $ports := list -}}
{{- range $host := splitList "," $hosts -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- if $port -}}
{{- $ports = append $ports (int $port) -}}
{{- else if contains "-sentinel://" $url -}}
{{- $ports = append $ports 26379 -}}
{{- else -}}
{{- $ports = append $ports 6379 -}}
{{- end -}}
{{- end -}}
{{- if contains "-sentinel://" $url -}}
{{- $ports = append $ports 6379 -}}
{{- end -}}
{{- range $port := .Values.networkPolicy.redisPorts -}}
{{- $ports = append $ports (int $port) -}}
{{- end -}}
{{- $ports | uniq | toJson -}}
{{- end -}}
