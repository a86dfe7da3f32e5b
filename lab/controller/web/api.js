// The controller's API: an answer's JSON, or an error in the controller's own words.

const PATIENCE_MS = 15000; // the controller itself gives its database ten seconds

/** The controller's own no; any other error says nothing of what it did. */
class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** `patience`: how long the answer may take, in ms; a VM is made, or unmade, in whatever time that takes. */
export async function ask(path, body, patience = PATIENCE_MS) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  if (patience < Infinity) {
    options.signal = AbortSignal.timeout(patience);
  }
  let answer;
  let content;
  try {
    answer = await fetch(path, options);
    content = await answer.json();
  } catch (error) {
    const wordless = error instanceof SyntaxError;
    throw new Error(wordless ? `The controller answered ${answer.status}` : 'The controller does not answer');
  }
  if (!answer.ok) {
    throw new Refusal(content.error, answer.status);
  }
  return content;
}

/** Whether it was a no; `below` 500, where much may be done by the time that something fails. */
export const isRefusal = (error, below = Infinity) => error instanceof Refusal && error.status < below;

/** What came of a request that failed. */
export const outcome = (error, known, refused, done) =>
  known ? `${refused}: ${error.message}` : `${error.message}: it is not known whether ${done}`;

export const sessionPath = (id, rest = '') => `/api/auth/session/${id}${rest}`;
