import { EMPTY_TOKEN_EXIT_CODE } from "@amalthea/api";

/**
 * Behind a login Jupyter shows the signed-in user instead of an anonymous one. The proxy sets these headers, and removes
 * them from external requests. jupyter_server before 2 and the classic notebook server have no users.
 */
const IDENTITY_PROVIDER = `
if not token_file:
    try:
        from jupyter_server.auth.identity import PasswordIdentityProvider, User
        from traitlets import default
    except ImportError:
        pass
    else:
        class SignedInUser(PasswordIdentityProvider):
            """The person whom the login in front of this server names. Who asks from within the pod has no name."""

            def get_user(self, handler):
                user_id = self.said(handler, 'User')
                if not user_id:
                    return super().get_user(handler)
                name = self.said(handler, 'Preferred-Username') or self.said(handler, 'Email') or user_id
                words = ''.join(c if c.isalnum() else ' ' for c in name.split('@')[0]).split()
                initials = ''.join(word[0] for word in words)[:2].upper()
                return User(username=user_id, name=name, display_name=name, initials=initials or None)

            def said(self, handler, what):
                value = handler.request.headers.get('X-Forwarded-' + what, '')
                return value.encode('latin-1', 'replace').decode('utf-8', 'replace')

            @default('updatable_fields')
            def _default_updatable_fields(self):
                return []  # the provider has the name

        c.ServerApp.identity_provider_class = SignedInUser
`;

/**
 * Configuration files for Jupyter, the same for every server: what differs comes from the container's environment, so
 * nothing is pasted into Python and a running pod never meets a configuration other than the one it was started with.
 *
 * Two of them, because jupyter_server (1 and 2) reads one and the classic notebook server of old images the other; a
 * JupyterLab that loads both finds the same values in both. `token` is set in two classes: the second is where
 * jupyter_server 2 keeps it, and older ones ignore a class that they do not know.
 */
const JUPYTER_SERVER_CONFIG = configFile(
  "ServerApp",
  "root_dir",
  `c.IdentityProvider.token = token
${IDENTITY_PROVIDER}`,
);

const JUPYTER_NOTEBOOK_CONFIG = configFile("NotebookApp", "notebook_dir", "");

/**
 * With `--config` a server reads another file in place of ours. This one is read by every program of Jupyter's, in
 * terminals, too, and so does nothing in any other.
 */
const JUPYTER_CONFIG = `from traitlets.config import Application

app = Application.instance() if Application.initialized() else None
names = [cls.__name__ for cls in type(app).__mro__]
for name, config_name in [('ServerApp', 'jupyter_server_config'), ('NotebookApp', 'jupyter_notebook_config')]:
    if name in names and (app.config_file or app.config_file_name != config_name):
        load_subconfig(config_name + '.py')
`;

/** The files of Jupyter's configuration in Python, by name: keys of the ConfigMap. */
export const JUPYTER_CONFIG_FILES: Readonly<Record<string, string>> = {
  "jupyter_config.py": JUPYTER_CONFIG,
  "jupyter_server_config.py": JUPYTER_SERVER_CONFIG,
  "jupyter_notebook_config.py": JUPYTER_NOTEBOOK_CONFIG,
};

/** Both files of Jupyter's configuration in Python, for interpreters from 3.5 on and every traitlets since 4. */
function configFile(application: string, directoryOption: string, more: string): string {
  return `import os
import sys

from traitlets.config import Application, Config

c = get_config()


def say(text):
    """Writes to the container's log at once: Python keeps what it prints to anything but a terminal."""
    print(text)
    sys.stdout.flush()


root_dir = os.environ['AMALTHEA_ROOT_DIR']
try:
    os.makedirs(root_dir, exist_ok=True)
    os.chdir(root_dir)
except OSError as error:
    say('cannot use %s as working directory: %s' % (root_dir, error))

# A missing token file ends the start, and so does an empty one: without a token the server would be open.
token = ''
token_file = os.environ.get('AMALTHEA_TOKEN_FILE', '')
if token_file:
    with open(token_file) as file:
        token = file.read().strip()
if not token and os.environ.get('AMALTHEA_TOKEN_REQUIRED', '') == 'true':
    say('the token in %s is empty: put a value into its Secret' % token_file)
    os._exit(${EMPTY_TOKEN_EXIT_CODE})

# These belong to the controller: the Service, the probes and the access control rely on them.
ours = {
    'ip': os.environ['AMALTHEA_LISTEN_ADDRESS'],
    'port': int(os.environ['AMALTHEA_PORT']),
    'port_retries': 0,
    'base_url': os.environ['AMALTHEA_BASE_URL'],
    'token': token,
    # TLS ends in front of the pod: to http, a Jupyter with a certificate does not respond.
    'certfile': '',
    'keyfile': '',
    'client_ca': '',
}
# Behind a login Jupyter asks for nothing by itself, neither people nor the controller, whatever an image or
# somebody's "jupyter server password" has set.
if not token_file:
    ours.update(password='', password_required=False)


def settings_for(app):
    """The settings of ours that an application has, for its class and those that it has them from: others would warn."""
    config = Config()
    for cls in type(app).__mro__:
        if issubclass(cls, Application):
            for name in ours:
                if hasattr(cls, name):
                    config[cls.__name__][name] = ours[name]
    for cls in ['IdentityProvider', 'PasswordIdentityProvider', 'LegacyIdentityProvider']:
        config[cls].token = token
        if not token_file and cls != 'IdentityProvider':
            config[cls].update(hashed_password='', password_required=False)
    return config


def report_ignored(given, used):
    for section in used:
        for name in used[section]:
            if section in given and name in given[section] and given[section][name] != used[section][name]:
                say('--%s.%s of the command line is ignored: the controller sets it' % (section, name))


def keep_private(app):
    """A shared cache may store what says nothing about caching, and give it to others."""
    settings = getattr(app, 'tornado_settings', None)
    headers = settings.setdefault('headers', {}) if isinstance(settings, dict) else None
    if isinstance(headers, dict):
        headers.setdefault('Cache-Control', 'private')


# traitlets lets the command line win over every file, so what is ours is set again after each update.
if not hasattr(Application, 'amalthea_update_config'):
    Application.amalthea_update_config = Application.update_config

    def update_config(self, config):
        used = settings_for(self)
        report_ignored(config, used)
        self.amalthea_update_config(config)
        self.amalthea_update_config(used)
        keep_private(self)

    Application.update_config = update_config

c.${application}.update(ours)
c.${application}.open_browser = False
c.${application}.allow_remote_access = True
c.${application}.allow_origin = os.environ['AMALTHEA_ALLOW_ORIGIN']
default_url = os.environ['AMALTHEA_DEFAULT_URL']
c.${application}.default_url = default_url
# The default of the spec leaves each application its own page.
if default_url != '/lab':
    c.LabApp.default_url = default_url
    c.JupyterNotebookApp.default_url = default_url
c.${application}.${directoryOption} = root_dir
c.${application}.cookie_secret_file = os.environ['AMALTHEA_COOKIE_SECRET_FILE']
${more}# Jupyter is asked by http, and so cannot tell that its cookies are for https alone.
if os.environ['AMALTHEA_ALLOW_ORIGIN'].startswith('https://'):
    cookie_path = os.environ['AMALTHEA_BASE_URL'].rstrip('/') + '/'
    c.${application}.tornado_settings.update({
        'secure_cookie': True,
        'xsrf_cookie_kwargs': {'path': cookie_path, 'secure': True},
    })
    c.IdentityProvider.secure_cookie = True
c.ContentsManager.allow_hidden = True
`;
}

/**
 * JupyterLab shows Log Out only together with Shut Down (`quit_button`), and what is shut down from within is restarted
 * at once: only Shut Down is removed from the menu.
 */
export const JUPYTERLAB_SETTINGS: string = JSON.stringify({
  "@jupyterlab/mainmenu-extension:plugin": {
    menus: [{ id: "jp-mainmenu-file", items: [{ command: "filemenu:shutdown", disabled: true }] }],
  },
});
