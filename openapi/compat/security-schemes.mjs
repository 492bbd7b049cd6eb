// What became of the ways to prove who one is. Which of them an operation demands is compared with the operation.

const URLS = ['tokenUrl', 'authorizationUrl', 'refreshUrl'];

/** `report(breaking, place, text)` is told of every difference. */
export function compareSecuritySchemes(before, after, report) {
  for (const [name, was] of Object.entries(before)) {
    const place = `security scheme \`${name}\``;
    if (name in after) compareScheme(place, was, after[name], report);
    else report(true, place, 'is gone');
  }
  for (const name of added(before, after)) report(false, `security scheme \`${name}\``, 'is new');
}

function compareScheme(place, was, is, report) {
  for (const key of ['type', 'in', 'name', 'scheme', 'openIdConnectUrl']) changed(place, key, was, is, report);
  const [flows, currentFlows] = [was.flows ?? {}, is.flows ?? {}];
  for (const [name, flow] of Object.entries(flows)) {
    const part = `${place}: flow \`${name}\``;
    if (name in currentFlows) compareFlow(part, flow, currentFlows[name], report);
    else report(true, part, 'is gone');
  }
  for (const name of added(flows, currentFlows)) report(false, `${place}: flow \`${name}\``, 'is new');
}

function compareFlow(place, was, is, report) {
  for (const key of URLS) changed(place, key, was, is, report);
  const [scopes, currentScopes] = [was.scopes ?? {}, is.scopes ?? {}];
  for (const scope of added(currentScopes, scopes)) report(true, `${place}: scope \`${scope}\``, 'is gone');
  for (const scope of added(scopes, currentScopes)) report(false, `${place}: scope \`${scope}\``, 'is new');
}

const added = (before, after) => Object.keys(after).filter((name) => !(name in before));

// What was not said before nobody relies on.
function changed(place, key, was, is, report) {
  if (was[key] !== is[key]) report(was[key] !== undefined, place, `${key} ${was[key] ?? 'none'} became ${is[key] ?? 'none'}`);
}
