{{/*
`helm upgrade --reuse-values` takes the values of the release's former chart in place of this chart's defaults, and so knows
no value that came since. This fills in what is missing. Every template begins with it: whichever is rendered first needs it.
*/}}
{{- define "amalthea.fillValues" -}}
{{- range $path, $default := include "amalthea.defaultValues" . | fromJson }}
{{- $names := splitList "." $path }}
{{- $group := $.Values }}
{{- range initial $names }}
{{- if kindIs "invalid" (index $group .) }}{{ $_ := set $group . dict }}{{ end }}
{{- $group = index $group . }}
{{- end }}
{{- if kindIs "invalid" (index $group (last $names)) }}{{ $_ := set $group (last $names) $default }}{{ end }}
{{- end }}
{{- end }}

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

{{/* The controller's pods as peers of a NetworkPolicy in any namespace. */}}
{{- define "amalthea.controllerPeers" -}}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ .Release.Namespace }}
  podSelector:
    matchLabels:
      {{- include "amalthea.selectorLabels" . | nindent 6 }}
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
  {{- /* delete: of those that have reached a limit. */}}
  verbs: [get, list, watch, patch{{ if .Values.culling.enforced }}, delete{{ end }}]
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
{{- if or .Values.resourceUsageCheck.enabled (gt (int64 .Values.culling.cpuUsageMillicoresIdleThreshold) 0) }}
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
{{- end }}
- apiGroups: [""]
  resources: [events, resourcequotas]
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

{{/* "true" if kubelets are asked for the usage of disks. */}}
{{- define "amalthea.asksKubelets" -}}
{{- and .Values.resourceUsageCheck.enabled .Values.resourceUsageCheck.kubelet.enabled }}
{{- end }}

{{/* The service account whose token kubelets are shown. */}}
{{- define "amalthea.kubeletStatsName" -}}
{{- include "amalthea.fullname" . }}-kubelet-stats
{{- end }}

{{/* The controller's image. What old values say of the image of 0.24's controller counts as not given. */}}
{{- define "amalthea.image" -}}
{{- $isLegacy := eq (include "amalthea.hasLegacyRepository" .) "true" }}
{{- $isLegacyTag := eq (include "amalthea.hasLegacyTag" .) "true" }}
{{- $default := include "amalthea.defaultRepository" . }}
{{- $repository := ternary $default .Values.image.repository $isLegacy }}
{{- if and $isLegacyTag (ne $repository $default) }}
{{- fail (printf "image.tag %s is a controller of an earlier Amalthea, which this chart cannot run: leave image.tag out, or name the tag under which %s has version %s" .Values.image.tag $repository .Chart.AppVersion) }}
{{- end }}
{{- $tag := ternary "" .Values.image.tag (or $isLegacy $isLegacyTag) }}
{{- printf "%s:%s" $repository ($tag | default .Chart.AppVersion) }}
{{- end }}

{{- define "amalthea.hasLegacyRepository" -}}
{{- regexMatch "(^|/)renku/amalthea$" .Values.image.repository }}
{{- end }}

{{- define "amalthea.hasLegacyTag" -}}
{{- regexMatch "^v?0[.]" .Values.image.tag }}
{{- end }}

{{/* Scheduler of the servers' pods; empty: the cluster's default. */}}
{{- define "amalthea.schedulerName" -}}
{{- if .Values.schedulerName }}
{{- .Values.schedulerName }}
{{- else if .Values.scheduler.custom.enabled }}
{{- required "scheduler.custom.enabled needs scheduler.custom.name: the name of the scheduler" .Values.scheduler.custom.name }}
{{- else if .Values.scheduler.packing.enabled }}
{{- include "amalthea.packingScheduler" . }}
{{- end }}
{{- end }}

{{/* The name that pods of 0.24 have in them. */}}
{{- define "amalthea.packingScheduler" -}}
{{- include "amalthea.fullname" . }}-scheduler
{{- end }}

{{/* Those of the given values that have no effect, as a JSON list of their names. */}}
{{- define "amalthea.givenWithoutEffect" -}}
{{- $given := list }}
{{- range $path := include "amalthea.valuesWithoutEffect" . | fromJsonArray }}
{{- $value := $.Values }}
{{- range splitList "." $path }}
{{- $value = ternary (get ($value | default dict) .) "" (kindIs "map" $value) }}
{{- end }}
{{- if $value }}
{{- $given = append $given $path }}
{{- end }}
{{- end }}
{{- if eq (include "amalthea.hasLegacyRepository" .) "true" }}
{{- $given = concat $given (list "image.repository" "image.tag") }}
{{- else if eq (include "amalthea.hasLegacyTag" .) "true" }}
{{- $given = append $given "image.tag" }}
{{- end }}
{{- toJson $given }}
{{- end }}

{{/*
With the CustomResourceDefinition helm would delete every JupyterServer, and with them every volume. helm leaves it alone
where it carries the policy "keep". Nothing can be looked up by `helm template`, and so by Argo CD.
*/}}
{{- define "amalthea.requireCrdStays" -}}
{{- if .Release.IsUpgrade }}
{{- $crd := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "jupyterservers.amalthea.dev" }}
{{- $annotations := dig "metadata" "annotations" dict $crd }}
{{- $isOurs := and (eq (get $annotations "meta.helm.sh/release-name") .Release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") .Release.Namespace) }}
{{- if and $isOurs (ne (get $annotations "helm.sh/resource-policy") "keep") }}
{{- fail (printf "deployCrd is false, but the CustomResourceDefinition jupyterservers.amalthea.dev belongs to the release %s: this upgrade would delete it, and with it every JupyterServer and every volume. Set deployCrd to true, or first protect the CRD from helm: kubectl annotate crd jupyterservers.amalthea.dev helm.sh/resource-policy=keep --overwrite" .Release.Name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Whether the audit log is written to files. */}}
{{- define "amalthea.hasAuditFiles" -}}
{{- with .Values.auditLog }}
{{- if and .enabled (or .claimName .s3.endpoint) }}true{{ end }}
{{- end }}
{{- end }}

{{- define "amalthea.volumeMounts" -}}
{{- if and (eq (include "amalthea.asksKubelets" .) "true") .Values.resourceUsageCheck.kubelet.caConfigMap.name }}
- name: kubelet-ca
  mountPath: /etc/amalthea/kubelet-ca
  readOnly: true
{{- end }}
{{- if eq (include "amalthea.hasAuditFiles" .) "true" }}
- name: audit-log
  mountPath: /var/lib/amalthea/audit-log
{{- if .Values.auditLog.s3.endpoint }}
- name: audit-log-s3
  mountPath: /etc/amalthea/audit-log-s3
  readOnly: true
{{- if .Values.auditLog.s3.caConfigMap.name }}
- name: audit-log-s3-ca
  mountPath: /etc/amalthea/audit-log-s3-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "amalthea.volumes" -}}
{{- if and (eq (include "amalthea.asksKubelets" .) "true") .Values.resourceUsageCheck.kubelet.caConfigMap.name }}
- name: kubelet-ca
  configMap:
    name: {{ .Values.resourceUsageCheck.kubelet.caConfigMap.name | quote }}
{{- end }}
{{- if eq (include "amalthea.hasAuditFiles" .) "true" }}
- name: audit-log
  {{- if .Values.auditLog.claimName }}
  persistentVolumeClaim:
    claimName: {{ .Values.auditLog.claimName | quote }}
  {{- else }}
  # No sizeLimit, which would have the pod evicted: the controller keeps to auditLog.maxMebibytes.
  emptyDir: {}
  {{- end }}
{{- if .Values.auditLog.s3.endpoint }}
- name: audit-log-s3
  secret:
    secretName: {{ include "amalthea.auditSecret" . | quote }}
    # The audit log keeps nobody from managing servers: without the Secret files wait.
    optional: true
{{- with .Values.auditLog.s3.caConfigMap.name }}
- name: audit-log-s3-ca
  configMap:
    name: {{ . | quote }}
    optional: true # as above
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "amalthea.auditSecret" -}}
{{- .Values.auditLog.s3.credentialsSecret | default (printf "%s-audit-log" (include "amalthea.fullname" .)) }}
{{- end }}

{{/* Values of the audit log that cannot be meant together. */}}
{{- define "amalthea.refuseAuditLog" -}}
{{- with .Values.auditLog }}
{{- if .enabled }}
{{- if ne (empty .s3.endpoint) (empty .s3.bucket) }}
{{- fail "auditLog.s3.endpoint and auditLog.s3.bucket must be set together, to upload the audit log, or not at all" }}
{{- end }}
{{- if ne (empty .s3.accessKeyId) (empty .s3.secretAccessKey) }}
{{- fail "auditLog.s3.accessKeyId and auditLog.s3.secretAccessKey must be set together; or set auditLog.s3.credentialsSecret" }}
{{- end }}
{{- if and .s3.credentialsSecret .s3.accessKeyId }}
{{- fail "auditLog.s3.credentialsSecret and auditLog.s3.accessKeyId are both set: keep only the Secret" }}
{{- end }}
{{- if and .s3.endpoint (not (or .s3.credentialsSecret .s3.accessKeyId)) }}
{{- fail "auditLog.s3.endpoint needs auditLog.s3.credentialsSecret: a Secret with accessKeyId and secretAccessKey" }}
{{- end }}
{{- if and .s3.caConfigMap.name (not .s3.endpoint) }}
{{- fail "auditLog.s3.caConfigMap needs auditLog.s3.endpoint and auditLog.s3.bucket" }}
{{- end }}
{{- if and .s3.credentialsSecret (not .s3.endpoint) }}
{{- fail "auditLog.s3.credentialsSecret needs auditLog.s3.endpoint and auditLog.s3.bucket" }}
{{- end }}
{{- if and .s3.endpoint (not (trim .s3.bucket)) }}
{{- fail "auditLog.s3.bucket must name a bucket" }}
{{- end }}
{{- if and .s3.endpoint (ne (include "amalthea.isAddress" .s3.endpoint) "true") }}
{{- fail (printf "auditLog.s3.endpoint must be an http or https URL without a user, such as https://s3.example.org, not %q" (regexReplaceAll "[^/]*@" .s3.endpoint "…@")) }}
{{- end }}
{{- range .extraLabels }}
{{- if regexMatch "^(kopf[.]zalando[.]org/|kubectl[.]kubernetes[.]io/last-applied-configuration$)" . }}
{{- fail (printf "auditLog.extraLabels contains %q, which contains whole objects and their secrets: leave it out" .) }}
{{- end }}
{{- end }}
{{- if lt (int64 .maxMebibytes) (mul 2 (int64 .rotationMebibytes)) }}
{{- fail "auditLog.maxMebibytes must be at least twice auditLog.rotationMebibytes: a finished file and the next one" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* What 0.24's chart could do and this one cannot, and what would be lost without a word. */}}
{{- define "amalthea.refuseImpossible" -}}
{{- if dig "install" false (index .Values "csi-rclone" | default dict) }}
{{- fail "csi-rclone.install is true, but this chart no longer includes csi-rclone: the upgrade would remove the CSI driver, and with it access to the volumes that use it. Install csi-rclone as a release of its own first, then set csi-rclone.install to false" }}
{{- end }}
{{- end }}

{{/* "true" for what the controller takes as a URL of http or https without a user. */}}
{{- define "amalthea.isAddress" -}}
{{- $parts := regexFind "^(?i)https?://([^][:space:]/?#@:<>[^|%\\\\]+|\\[[0-9a-f:.]+\\])(:[0-9]*)?([/?#]|$)" (trim .) }}
{{- $port := regexFind ":[0-9]+$" (regexReplaceAll "[/?#]$" $parts "") | trimPrefix ":" }}
{{- and (ne $parts "") (regexMatch "^0*([0-9]{0,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$" $port) }}
{{- end }}

{{/* Images of sidecars whose tag says that they are too old. A tag may leave out parts of the version: only those that it has count. */}}
{{- define "amalthea.refuseSidecarImages" -}}
{{- range $name, $least := include "amalthea.sidecarVersions" . | fromJson }}
{{- $image := get $.Values.sidecarImages $name | trim }}
{{- $tag := regexFind ":v?[0-9]+([.][0-9]+){0,2}[^/:]*$" (regexReplaceAll "@.*$" $image "") }}
{{- $difference := 0 }}
{{- range $index, $part := compact (splitList "." (regexFind "[0-9]+([.][0-9]+){0,2}" $tag)) }}
{{- if eq (int $difference) 0 }}{{ $difference = sub (atoi $part) (atoi (index (splitList "." $least) $index)) }}{{ end }}
{{- end }}
{{- if lt (int $difference) 0 }}
{{- fail (printf "sidecarImages.%s must be version %s or newer, not %s" $name $least $image) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the controller would not start with, or could not listen at. */}}
{{- define "amalthea.refuseMetrics" -}}
{{- with .Values.metrics }}
{{- if and .enabled (eq (int .port) 8080) }}
{{- fail "metrics.port must not be 8080, which serves the controller's probes" }}
{{- end }}
{{- if .legacyNames }}
{{- $names := list }}
{{- range .extraMetricsLabels }}
{{- $name := regexReplaceAll "[^a-zA-Z0-9_]" (regexReplaceAll "^[^a-zA-Z_]" . "_") "_" }}
{{- if or (not $name) (has $name (list "status_from" "status_to" "le")) (hasPrefix "__" $name) }}
{{- fail (printf "metrics.extraMetricsLabels contains %q, whose name in Prometheus, %s, is reserved: leave it out" . $name) }}
{{- end }}
{{- if has $name $names }}
{{- fail (printf "metrics.extraMetricsLabels contains %q, whose name in Prometheus, %s, is that of another one: leave it out" . $name) }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Lists of serverDefaults with the same entry twice, which the schema of the values cannot refuse. */}}
{{- define "amalthea.refuseServerDefaults" -}}
{{- range $path, $key := include "amalthea.listKeys" . | fromJson }}
{{- $value := $.Values.serverDefaults }}
{{- range splitList "." $path }}{{ $value = get ($value | default dict) . }}{{ end }}
{{- $names := list }}
{{- range $value | default list }}
{{- $name := get . $key }}
{{- if has $name $names }}{{ fail (printf "serverDefaults.%s has %s twice: remove one of them" $path $name) }}{{ end }}
{{- $names = append $names $name }}
{{- end }}
{{- end }}
{{- $ports := list }}
{{- range get (get .Values.serverDefaults "jupyterServer" | default dict) "extraPorts" | default list }}
{{- $port := printf "%s %d" (.protocol | default "TCP") (int .containerPort) }}
{{- if has $port $ports }}{{ fail (printf "serverDefaults.jupyterServer.extraPorts has the port %s twice: remove one of them" $port) }}{{ end }}
{{- $ports = append $ports $port }}
{{- end }}
{{- end }}

{{/* Values that others keep from having an effect, as a JSON list of sentences. */}}
{{- define "amalthea.idleValues" -}}
{{- $idle := list }}
{{- if not .Values.auditLog.enabled }}
{{- if .Values.auditLog.claimName }}{{ $idle = append $idle "auditLog.claimName needs auditLog.enabled: no audit log is written" }}{{ end }}
{{- if or .Values.auditLog.s3.endpoint .Values.auditLog.s3.bucket }}{{ $idle = append $idle "auditLog.s3 needs auditLog.enabled: no audit log is written" }}{{ end }}
{{- end }}
{{- if and .Values.metrics.extraMetricsLabels (not .Values.metrics.legacyNames) }}
{{- $idle = append $idle "metrics.extraMetricsLabels needs metrics.legacyNames: only the metrics of 0.24 have these labels" }}
{{- end }}
{{- range $name, $maximum := .Values.culling.maximums }}
{{- $default := get $.Values.culling.defaults $name | int64 }}
{{- if and (gt (int64 $maximum) 0) (gt $default (int64 $maximum)) }}
{{- $idle = append $idle (printf "culling.defaults.%s is %d, above culling.maximums.%s: %d applies" $name $default $name (int64 $maximum)) }}
{{- end }}
{{- end }}
{{- toJson $idle }}
{{- end }}
