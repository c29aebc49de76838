// Exchanges the code of a link for a token, and lists the tenant's endpoints. The token is kept in
// memory only: it is gone with the page.
"use strict";

const api = "/api/v1";
const where = document.getElementById("where");

async function call(method, path, token, body) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
  const content = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(content.detail);
  return content;
}

async function endpointsOf(app, token) {
  const rows = [];
  let page = { done: false, iterator: null };
  while (!page.done) {
    const from = page.iterator ? `&iterator=${encodeURIComponent(page.iterator)}` : "";
    page = await call("GET", `/app/${app}/endpoint?limit=250${from}`, token);
    rows.push(...page.data);
  }
  return rows;
}

function show(rows) {
  const table = document.getElementById("endpoints");
  for (const endpoint of rows) {
    const row = table.tBodies[0].insertRow();
    const state = endpoint.disabled ? "disabled" : "enabled";
    for (const text of [endpoint.url, endpoint.description, state]) {
      row.insertCell().textContent = text;
    }
  }
  table.hidden = rows.length === 0;
}

async function open() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  try {
    const session = await call("POST", "/auth/one-time-token", null, { oneTimeToken: code });
    const app = await call("GET", `/app/${session.appId}`, session.token);
    const rows = await endpointsOf(session.appId, session.token);
    show(rows);
    const until = new Date(session.expiresAt).toLocaleString();
    where.textContent = `${app.name}: ${rows.length} endpoints. This session ends ${until}.`;
    const leave = document.getElementById("leave");
    leave.hidden = false;
    leave.addEventListener("click", async () => {
      await call("POST", "/auth/logout", session.token);
      location.reload();
    });
  } catch (error) {
    where.textContent = error.message;
  }
}

open();
