{{/* Egress that every service has: names, and Redis. */}}
{{- define "sandpiper.egressOfAll" -}}
- ports:
    - { port: 53, protocol: UDP }
    - { port: 53, protocol: TCP }
- ports:
    {{- range include "sandpiper.redisPorts" . | fromJsonArray }}
    - { port: {{ int . }}, protocol: TCP }
    {{- end }}
  {{- if .Values.redis.tryOut.enabled }}
  to:
    - podSelector:
        matchLabels:
          {{- include "sandpiper.selector" (list . "redis") | nindent 10 }}
  {{- else if .Values.networkPolicy.redis }}
  to:
    {{- toYaml .Values.networkPolicy.redis | nindent 4 }}
  {{- end }}
{{- with .Values.tracing.endpoint }}
- ports:
    - { port: {{ regexFind ":[0-9]+/?$" . | trimPrefix ":" | trimSuffix "/" | default (ternary 443 80 (hasPrefix "https" .)) }}, protocol: TCP }
  {{- with $.Values.tracing.collectors }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Whether a pool asks the scheduler for its load. */}}
{{- define "sandpiper.usesLoad" -}}
{{- range include "sandpiper.pools" . | fromJsonArray -}}
{{- if and (eq .autoscaling.kind "keda") (eq .autoscaling.source "metrics-api") -}}
yes
{{- end -}}
{{- end -}}
{{- end -}}
