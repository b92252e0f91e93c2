/** The page on which people sign in. @param problem What was wrong with the last attempt. */
export function signInPage(userIds: readonly string[], problem = ""): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>Demo login</title>
    <style>
      body { font-family: system-ui, sans-serif; max-width: 24rem; margin: 15vh auto; padding: 0 1rem; color: #212121; }
      label { display: block; margin-top: 1rem; }
      input, button { font: inherit; width: 100%; box-sizing: border-box; padding: 0.5rem; margin-top: 0.25rem; }
      button { margin-top: 1.5rem; }
      .problem { color: #b71c1c; }
      .note { color: #616161; }
    </style>
  </head>
  <body>
    <h1>Demo login</h1>
    <p class="note">This identity provider is for trying things out. It knows ${userIds.map(escaped).join(", ")}.</p>
    ${problem === "" ? "" : `<p class="problem" role="alert">${escaped(problem)}</p>`}
    <form method="post">
      <label>User <input name="user" autocomplete="username" required autofocus /></label>
      <label>Password <input name="password" type="password" autocomplete="current-password" required /></label>
      <button type="submit">Sign in</button>
    </form>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
