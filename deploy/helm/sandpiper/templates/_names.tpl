{{/*
The first part of all names: the release, or what the values say. Two releases never share it.
A Service's name begins with a letter, and a release's name may begin with a digit and have dots.
*/}}
{{- define "sandpiper.fullname" -}}
{{- $name := .Values.fullnameOverride -}}
{{- if not $name -}}
{{- $name = .Release.Name -}}
{{- if contains "." $name -}}
{{- $name = printf "%s-%s" (replace "." "-" $name) (sha256sum $name | trunc 6) -}}
{{- end -}}
{{- if ne $name "sandpiper" -}}
{{- $name = printf "%s-sandpiper" $name -}}
{{- end -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $name -}}
{{- $name = printf "s-%s" $name -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/*
The name of an object: include "sandpiper.name" (list $ "scheduler").
At most 52 characters: Kubernetes appends up to 11 to make names of pods and values of labels, which have 63.
*/}}
{{- define "sandpiper.name" -}}
{{- $full := include "sandpiper.fullname" (index . 0) -}}
{{- $name := printf "%s-%s" $full (index . 1) -}}
{{- if gt (len $name) 52 -}}
{{- $rest := printf "-%s-%s" (sha256sum $full | trunc 6) (index . 1) -}}
{{- $name = printf "%s%s" ($full | trunc (int (sub 52 (len $rest))) | trimSuffix "-") $rest -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* What pods are selected by: include "sandpiper.selector" (list $ "worker" "POOL"); the pool may be left out. */}}
{{- define "sandpiper.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: sandpiper
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- if gt (len .) 2 }}
sandpiper/pool: {{ index . 2 }}
{{- end }}
{{- end -}}

{{/* Labels of an object, with the same arguments. */}}
{{- define "sandpiper.labels" -}}
{{- $root := index . 0 -}}
{{ include "sandpiper.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* include "sandpiper.image" (list $ TAG); an empty tag means the usual one. */}}
{{- define "sandpiper.image" -}}
{{- $root := index . 0 -}}
{{- $image := $root.Values.image -}}
{{- $tag := index . 1 -}}
{{- if $tag -}}
{{ printf "%s:%s" $image.repository $tag }}
{{- else if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* Address of the API inside the cluster. */}}
{{- define "sandpiper.server" -}}
http://{{ include "sandpiper.name" (list . "scheduler") }}.{{ .Release.Namespace }}.svc:8080
{{- end -}}
