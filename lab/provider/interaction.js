// What a person does at the provider: log in, then allow or deny.

import { createHash, timingSafeEqual } from 'node:crypto';

import { consentPage, loginPage, send } from './pages.js';

const TRIES = 3;
const BODY_LIMIT = 16 * 1024;

/** One request for a page of an interaction (`step` is empty), or one of its forms. */
export async function interaction({ provider, user, step, request, response }) {
  const details = await provider.interactionDetails(request, response);
  const visit = { provider, user, details, request, response };
  if (request.method === 'GET' && !step) {
    showPage(visit);
  } else if (request.method === 'POST' && step === details.prompt.name && Object.hasOwn(forms, step)) {
    await forms[step](visit, await readForm(request));
  } else {
    // A form of a step that is over, sent once more: the page says where the interaction stands.
    redirect(response, `/interaction/${details.uid}`);
  }
}

const forms = { login: logIn, consent: decide };

function showPage({ details, response }) {
  const { uid, prompt, params, result, session } = details;
  const page =
    prompt.name === 'login'
      ? loginPage({ uid, client: params.client_id, left: TRIES - (result?.tries ?? 0), tries: TRIES })
      : consentPage({ uid, client: params.client_id, account: session.accountId, scopes: params.scope.split(' ') });
  send(response, 200, page);
}

async function logIn(visit, form) {
  const { user, details, response } = visit;
  // Both are compared in any case: the time it takes must not tell which one was wrong.
  const known = [same(form.get('login'), user.name), same(form.get('password'), user.password)];
  if (known.every(Boolean)) {
    await finish(visit, { login: { accountId: user.name } });
    return;
  }
  const tries = (details.result?.tries ?? 0) + 1;
  console.log(`[PROVIDER] wrong password, ${tries} of ${TRIES}, for ${details.params.client_id}`);
  if (tries >= TRIES) {
    await finish(visit, { error: 'access_denied', error_description: 'too many wrong passwords' });
    return;
  }
  details.result = { tries };
  await details.persist();
  redirect(response, `/interaction/${details.uid}`);
}

async function decide(visit, form) {
  const { provider, details } = visit;
  if (form.get('decision') !== 'allow') {
    await finish(visit, { error: 'access_denied', error_description: 'the user denied the consent' });
    return;
  }
  const { prompt, session, params } = details;
  const grant = details.grantId
    ? await provider.Grant.find(details.grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  grant.addOIDCClaims(prompt.details.missingOIDCClaims ?? []);
  await finish(visit, { consent: { grantId: await grant.save() } });
}

function finish({ provider, request, response }, result) {
  return provider.interactionFinished(request, response, result);
}

function redirect(response, location) {
  response.writeHead(303, { Location: location, 'Content-Length': 0 }).end();
}

function same(given, wanted) {
  const [left, right] = [given ?? '', wanted].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(left, right);
}

async function readForm(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_LIMIT) {
      throw Object.assign(new Error('The form is too long'), { status: 413 });
    }
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
