/**
 * Configuration files for Jupyter, the same for every server: what differs comes from the container's environment, so
 * nothing is pasted into Python and a running pod never meets a configuration other than the one it was started with.
 *
 * Two files, because jupyter_server (1 and 2) reads one and the classic notebook server of old images the other; a
 * JupyterLab that loads both finds the same values in both. `token` stands in two classes: the second is where
 * jupyter_server 2 keeps it, and older ones ignore a class that they do not know.
 */
export const JUPYTER_SERVER_CONFIG: string = configFile("ServerApp", "root_dir", ["c.IdentityProvider.token = token"]);

export const JUPYTER_NOTEBOOK_CONFIG: string = configFile("NotebookApp", "notebook_dir", []);

/** Names of the environment variables that the configuration files read. */
export const JUPYTER_ENV = {
  listenAddress: "AMALTHEA_LISTEN_ADDRESS",
  port: "AMALTHEA_PORT",
  baseUrl: "AMALTHEA_BASE_URL",
  defaultUrl: "AMALTHEA_DEFAULT_URL",
  rootDir: "AMALTHEA_ROOT_DIR",
  allowOrigin: "AMALTHEA_ALLOW_ORIGIN",
  /** Absent where somebody else controls the access: Jupyter then asks for no token. */
  tokenFile: "AMALTHEA_TOKEN_FILE",
  cookieSecretFile: "AMALTHEA_COOKIE_SECRET_FILE",
} as const;

function configFile(application: string, directoryOption: string, extraLines: readonly string[]): string {
  return [
    "import os",
    "",
    "c = get_config()",
    "",
    "root_dir = os.environ['AMALTHEA_ROOT_DIR']",
    "try:",
    "    os.makedirs(root_dir, exist_ok=True)",
    "    os.chdir(root_dir)",
    "except OSError as error:",
    "    print('cannot use %s as working directory: %s' % (root_dir, error))",
    "",
    "# A missing token file ends the start: without it the server would be open.",
    "token = ''",
    "token_file = os.environ.get('AMALTHEA_TOKEN_FILE', '')",
    "if token_file:",
    "    with open(token_file) as file:",
    "        token = file.read().strip()",
    "",
    `c.${application}.ip = os.environ['AMALTHEA_LISTEN_ADDRESS']`,
    `c.${application}.port = int(os.environ['AMALTHEA_PORT'])`,
    `c.${application}.port_retries = 0`,
    `c.${application}.open_browser = False`,
    `c.${application}.allow_remote_access = True`,
    `c.${application}.allow_origin = os.environ['AMALTHEA_ALLOW_ORIGIN']`,
    `c.${application}.base_url = os.environ['AMALTHEA_BASE_URL']`,
    `c.${application}.default_url = os.environ['AMALTHEA_DEFAULT_URL']`,
    `c.${application}.${directoryOption} = root_dir`,
    `c.${application}.cookie_secret_file = os.environ['AMALTHEA_COOKIE_SECRET_FILE']`,
    `c.${application}.token = token`,
    ...extraLines,
    "# Jupyter is asked by http, and so cannot tell that its cookies are for https alone.",
    "if os.environ['AMALTHEA_ALLOW_ORIGIN'].startswith('https://'):",
    "    cookie_path = os.environ['AMALTHEA_BASE_URL'].rstrip('/') + '/'",
    `    c.${application}.tornado_settings.update({`,
    "        'secure_cookie': True,",
    "        'xsrf_cookie_kwargs': {'path': cookie_path, 'secure': True},",
    "    })",
    "    c.IdentityProvider.secure_cookie = True",
    "c.ContentsManager.allow_hidden = True",
    "",
  ].join("\n");
}
