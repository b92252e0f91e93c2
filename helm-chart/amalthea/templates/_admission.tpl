{{/* Name of an admission policy and of its binding: cluster-wide objects of releases in several namespaces must not meet. */}}
{{- define "amalthea.admissionPolicyName" -}}
{{ .root.Release.Namespace }}-{{ include "amalthea.fullname" .root }}-{{ .suffix }}
{{- end }}

{{/*
What all admission policies have in common: metadata, and which writes are checked. Only a write of the spec is: labels,
annotations, finalizers and the status of an object that violates a policy can still be written, and it can be deleted.
*/}}
{{- define "amalthea.admissionPolicyHead" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ include "amalthea.admissionPolicyName" . }}
  labels:
    {{- include "amalthea.labels" .root | nindent 4 }}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [amalthea.dev]
        apiVersions: ["*"]
        operations: [CREATE, UPDATE]
        resources: [jupyterservers]
  matchConditions:
    - name: not-the-controller
      expression: request.userInfo.username != {{ include "amalthea.controllerUser" .root | toJson }}
    - name: changes-the-spec
      expression: >-
        request.operation == 'CREATE' || object.?spec != oldObject.?spec{{ with .orIf }} || {{ . }}{{ end }}
{{- end }}

{{/*
CEL: whether marks that the controller keeps in a server's metadata are as they were: some annotations, and 0.24's finalizer,
for which it writes the annotations. They can be removed.
*/}}
{{- define "amalthea.hasNoNewMarks" -}}
{{- $finalizer := "'kopf.zalando.org/KopfFinalizerMarker'" -}}
{{ toJson . }}.all(mark, !object.metadata.?annotations[?mark].hasValue() || (request.operation == 'UPDATE' && object.metadata.?annotations[?mark] == oldObject.metadata.?annotations[?mark])) && (!({{ $finalizer }} in object.metadata.?finalizers.orValue([])) || (request.operation == 'UPDATE' && {{ $finalizer }} in oldObject.metadata.?finalizers.orValue([])))
{{- end }}

{{- define "amalthea.admissionPolicyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "amalthea.admissionPolicyName" . }}
  labels:
    {{- include "amalthea.labels" .root | nindent 4 }}
spec:
  policyName: {{ include "amalthea.admissionPolicyName" . }}
  validationActions: {{ .root.Values.admissionPolicies.validationActions | toJson }}
  {{- if not .root.Values.scope.clusterWide }}
  matchResources:
    namespaceSelector:
      matchExpressions:
        - key: kubernetes.io/metadata.name
          operator: In
          values: {{ include "amalthea.namespaces" .root }}
  {{- end }}
{{- end }}

{{- define "amalthea.controllerUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "amalthea.serviceAccountName" . }}
{{- end }}

{{/* CEL: whether the user of the request is one of some subjects of RBAC. */}}
{{- define "amalthea.isAmong" -}}
{{- $users := list }}
{{- $groups := list }}
{{- range . }}
{{- if eq .kind "Group" }}
{{- $groups = append $groups .name }}
{{- else if eq .kind "ServiceAccount" }}
{{- $namespace := required (printf "the ServiceAccount %s among the editors of admissionPolicies needs its namespace" .name) .namespace }}
{{- $users = append $users (printf "system:serviceaccount:%s:%s" $namespace .name) }}
{{- else }}
{{- $users = append $users .name }}
{{- end }}
{{- end -}}
request.userInfo.username in {{ $users | toJson }} || request.userInfo.?groups.orValue([]).exists(group, group in {{ $groups | toJson }})
{{- end }}

{{/* Not empty if one of .patterns, in which `*` stands for any characters but `/`, matches .field. */}}
{{- define "amalthea.isAllowedField" -}}
{{- $field := .field }}
{{- range .patterns }}
{{- if regexMatch (printf "^%s$" (regexQuoteMeta . | replace "\\*\\*" ".*" | replace "\\*" "[^/]*")) $field }}yes{{ end }}
{{- end }}
{{- end }}

{{/* CEL: whether the text .text matches one of .patterns, in which `*` stands for any characters but `/`, and `**` for any. */}}
{{- define "amalthea.matchesAny" -}}
{{- $expressions := list }}
{{- range .patterns }}
{{- $expression := regexQuoteMeta . | replace "\\*\\*" ".*" | replace "\\*" "[^/]*" }}
{{- $expressions = append $expressions (printf "^%s$" $expression) }}
{{- end -}}
(size({{ .text }}) <= 2048 && {{ $expressions | toJson }}.exists(pattern, {{ .text }}.matches(pattern)))
{{- end }}

{{/* CEL: whether the JSON pointer .pointer, with a slash at its end, leads to or below one of .paths; a segment `*` stands for any. */}}
{{- define "amalthea.isPointerWithin" -}}
{{- $literals := list }}
{{- $expressions := list }}
{{- range .paths }}
{{- if contains "/*/" (printf "%s/" .) }}
{{- $segments := list }}
{{- range splitList "/" . }}
{{- $segments = append $segments (ternary "[^/]*" (regexQuoteMeta .) (eq . "*")) }}
{{- end }}
{{- $expressions = append $expressions (printf "^%s/" (join "/" $segments)) }}
{{- else }}
{{- $literals = append $literals (printf "%s/" .) }}
{{- end }}
{{- end -}}
(size({{ .pointer }}) <= 256 && ({{ $literals | toJson }}.exists(path, {{ .pointer }}.startsWith(path)) || {{ $expressions | toJson }}.exists(path, {{ .pointer }}.matches(path))))
{{- end }}

{{/* CEL: whether all that the merge patch .node changes lies at or below one of .paths, which are lists of segments. */}}
{{- define "amalthea.isMergePatchWithin" -}}
{{- $depth := int .depth }}
{{- $isEnd := false }}
{{- $below := dict }}
{{- range .paths }}
{{- if not . }}
{{- $isEnd = true }}
{{- else }}
{{- $_ := set $below (first .) (append (get $below (first .) | default list) (rest .)) }}
{{- end }}
{{- end }}
{{- if $isEnd -}}
true
{{- else -}}
{{- $node := .node }}
{{- $key := printf "key%d" $depth -}}
(type({{ $node }}) == map && {{ $node }}.all({{ $key }}, false
{{- range $segment, $paths := $below }} || (
{{- if ne $segment "*" }}{{ $key }} == {{ $segment | replace "~1" "/" | replace "~0" "~" | toJson }} && {{ end }}
{{- include "amalthea.isMergePatchWithin" (dict "node" (printf "%s[%s]" $node $key) "depth" (add1 $depth) "paths" $paths) }})
{{- end }}))
{{- end }}
{{- end }}
