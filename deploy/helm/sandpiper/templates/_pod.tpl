{{/* What every pod has: the restricted Pod Security Standard, no token, no environment of other Services, and the
systems that Sandpiper runs on (its filter knows x86-64 alone). */}}
{{- define "sandpiper.podBasics" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "sandpiper.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* include "sandpiper.placement" (list $ POD LABELS): where the scheduler of the cluster may put a pod. */}}
{{- define "sandpiper.placement" -}}
{{- $pod := index . 1 -}}
nodeSelector:
  kubernetes.io/arch: amd64
  kubernetes.io/os: linux
{{- range $key, $value := $pod.nodeSelector }}
  {{ $key }}: {{ $value | quote }}
{{- end }}
{{- with $pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- index . 2 | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Requests and limits are the same: what a run may use must not depend on the neighbours of its pod.
include "sandpiper.resources" (list CPU MIB) */}}
{{- define "sandpiper.resources" -}}
resources:
  requests:
    cpu: {{ index . 0 | toString | quote }}
    memory: {{ printf "%dMi" (int (index . 1)) }}
  limits:
    cpu: {{ index . 0 | toString | quote }}
    memory: {{ printf "%dMi" (int (index . 1)) }}
{{- end -}}

{{/* Probes of a service. A service that waits for Redis is started, and not ready: a restart would not help it.
include "sandpiper.probes" PORT */}}
{{- define "sandpiper.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /readyz, port: {{ . }} }
  periodSeconds: 5
  timeoutSeconds: 6
  failureThreshold: 2
livenessProbe:
  httpGet: { path: /healthz, port: {{ . }} }
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 6
{{- end -}}

{{/* Named pipes and short-lived files only; what lies there counts as memory of the pod. */}}
{{- define "sandpiper.tmpVolume" -}}
- name: tmp
  emptyDir:
    medium: Memory
    sizeLimit: 64Mi
{{- end -}}

{{/* A number or text of the values as the text of an environment variable, never as 1e+06. */}}
{{- define "sandpiper.text" -}}
{{- $text := toString . -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}
{{- $text = int64 . | toString -}}
{{- end -}}
{{- end -}}
{{- $text -}}
{{- end -}}

{{/* A map of the values as environment variables. */}}
{{- define "sandpiper.env" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ include "sandpiper.text" $value | quote }}
{{- end }}
{{- end -}}

{{- define "sandpiper.tracingEnv" -}}
{{- with .Values.tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- with .Values.tracing.headers }}{{ if .secret }}
# OpenTelemetry reads it from no file.
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef: { name: {{ .secret }}, key: {{ .key }} }
{{- end }}{{ end }}
{{- include "sandpiper.env" .Values.tracing.env }}
{{- end -}}
