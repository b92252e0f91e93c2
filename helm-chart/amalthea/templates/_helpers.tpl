{{- define "amalthea.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* Name of the release's objects; cut so that a suffix still fits into a label. */}}
{{- define "amalthea.fullname" -}}
{{- $name := include "amalthea.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "amalthea.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "amalthea.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Labels by which servers and their children belong to the release; the controller gives them to each child. */}}
{{- define "amalthea.releaseLabels" -}}
app.kubernetes.io/name: {{ include "amalthea.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The controller's own pods, and not those of servers, which carry the release's labels too. */}}
{{- define "amalthea.selectorLabels" -}}
{{ include "amalthea.releaseLabels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "amalthea.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "amalthea.selectorLabels" . }}
{{- end }}

{{/* Namespaces in scope as a JSON list; empty for the whole cluster. */}}
{{- define "amalthea.namespaces" -}}
{{- if .Values.scope.clusterWide }}[]{{ else }}{{ default (list .Release.Namespace) .Values.scope.namespaces | uniq | toJson }}{{ end }}
{{- end }}

{{/*
What the controller may do where there are servers. Secrets are read by name and never listed; nobody's pod is entered.
A child is created by server-side apply, which needs patch and create.
*/}}
{{- define "amalthea.rules" -}}
- apiGroups: [amalthea.dev]
  resources: [jupyterservers]
  verbs: [list, watch, patch]
- apiGroups: [amalthea.dev]
  resources: [jupyterservers/status]
  verbs: [patch]
# Owner references that block deletion need it where the admission plugin OwnerReferencesPermissionEnforcement is on.
- apiGroups: [amalthea.dev]
  resources: [jupyterservers/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, patch]
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [statefulsets/scale]
  verbs: [patch]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch, delete]
- apiGroups: [""]
  resources: [pods/resize]
  verbs: [patch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- range .Values.extraChildResources }}
- apiGroups: [{{ .group | default "" | quote }}]
  resources: [{{ .name | lower | quote }}]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- end }}
