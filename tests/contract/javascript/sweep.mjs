// Calls every method that the SDK has, found by reflection, and says what came of each.
// Names are written as Python writes them, so that the languages' rows meet in one table.

import { ApiException, Svix } from "svix";

// What `create` of a group makes, by the name that the group's other methods take it under.
const MADE = {
  application: ["app_id", "id"],
  endpoint: ["endpoint_id", "id"],
  event_type: ["event_type_name", "name"],
  message: ["msg_id", "id"],
  "operational_webhook.endpoint": ["endpoint_id", "id"],
};
// What answers for a route that is not there, or not for this method; 501 for what is not built.
const ABSENT = [404, 405, 501];
const LOGOUT = "authentication.logout";
// Their turn comes after all others, in this order.
const LAST = ["expunge", "logout", "expire", "delete"];

const snake = (name) => name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());

// An own class of the SDK with methods is a group; what it inherits from Object is not its own.
function* methods(group, prefix) {
  const prototype = Object.getPrototypeOf(group);
  const members = Object.getOwnPropertyDescriptors(prototype);
  for (const [name, member] of Object.entries(members)) {
    if (name === "constructor") continue;
    if (member.get) yield* methods(group[name], `${prefix}${snake(name)}.`);
    else if (typeof member.value === "function")
      yield [prefix + snake(name), (...rest) => group[name](...rest), parameters(member.value)];
  }
}

function parameters(method) {
  const [, list] = /^(?:async\s+)?[\w$]+\s*\(([^)]*)\)/.exec(method.toString());
  const names = list.split(",").map((name) => snake(name.split("=")[0].trim()));
  return names.filter((name) => name && name !== "options");
}

function turn(name) {
  const method = name.slice(name.lastIndexOf(".") + 1);
  if (method === "create") return 0;
  const place = LAST.findIndex((word) => method.includes(word));
  return place < 0 ? 1 : place + 2;
}

function argument(name, known, bodies) {
  if (!(name in bodies) && !name.endsWith("_in") && !/_(in\d*|patch|update)$/.test(name))
    return known[name] ?? "none";
  let text = JSON.stringify(bodies[name] ?? {});
  for (const [key, value] of Object.entries(known)) text = text.replaceAll(`<${key}>`, value);
  return JSON.parse(text, (key, value) =>
    ["since", "until", "after"].includes(key) ? new Date(value) : value,
  );
}

async function call([name, method, names], known, bodies, made) {
  const group = name.slice(0, name.lastIndexOf("."));
  const all = { ...known, ...made[group] };
  const said = (outcome, status = null, reason = null) => ({ method: name, outcome, status, reason });
  try {
    const answer = await method(...names.map((each) => argument(each, all, bodies)));
    if (name.endsWith(".create") && group in MADE) {
      const [parameter, field] = MADE[group];
      made[group] = { [parameter]: answer[field] };
    }
    return said("works");
  } catch (error) {
    if (!(error instanceof ApiException)) return said("broken", null, `${error.name}: ${error.message}`);
    if (error.code === 422)
      return said("refused", 422, error.body.detail.map((f) => `${f.loc.join(".")}: ${f.msg}`).join(", "));
    // The SDK parses only errors of 4xx.
    const body = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
    const absent = ABSENT.includes(error.code) && body.code;
    return said(absent ? "not offered" : "refused", error.code, body.code);
  }
}

// Calls all with the one key, but logs out with a token that can be logged out.
export async function sweep(svix, known, bodies) {
  const { token } = await svix.authentication.appPortalAccess(known.app_id, {});
  const visitor = new Svix(token, { serverUrl: known.server_url });
  const order = ([a], [b]) => turn(a) - turn(b) || (a < b ? -1 : 1);
  const made = {};
  const report = [];
  for (const each of [...methods(svix, "")].sort(order)) {
    if (each[0] === LOGOUT) each[1] = () => visitor.authentication.logout();
    report.push(await call(each, known, bodies, made));
  }
  return report;
}
