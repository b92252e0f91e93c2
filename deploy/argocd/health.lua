-- Health of a JupyterServer for Argo CD, which runs this with the object as `obj`. A hibernated server is healthy: it is
-- as its spec says, and Argo CD would wait for anything else before it goes on with the next wave.
local status = obj.status or {}

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "The server is being deleted." }
end
if status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The controller has not seen this version of the server yet." }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    conditions[condition.type] = condition
  end
end
local verdicts = {
  { type = "Stalled", status = "Degraded" },
  { type = "Reconciling", status = "Progressing" },
  { type = "Hibernated", status = "Healthy" },
  { type = "Ready", status = "Healthy" },
}
for _, verdict in ipairs(verdicts) do
  local condition = conditions[verdict.type]
  if condition ~= nil then
    return { status = verdict.status, message = condition.message }
  end
end
return { status = "Progressing", message = "The server is not ready." }
