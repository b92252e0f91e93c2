#!/bin/bash
# Starts the Jupyter server, as the script of this name in the Jupyter Docker Stacks does. Everything else is up to the
# configuration that JUPYTER_CONFIG_PATH and /etc/jupyter name, and to the arguments.
set -e
# shellcheck disable=SC2086 # NOTEBOOK_ARGS is a list of arguments
exec jupyter ${DOCKER_STACKS_JUPYTER_CMD:-lab} ${NOTEBOOK_ARGS:-} "$@"
