// The controller's API: an answer's JSON, or an error in the controller's own words.

export async function ask(path, body) {
  const options = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error('The controller does not answer.');
  }
  const content = await answer.json().catch(() => ({ error: `The controller answered ${answer.status}.` }));
  if (!answer.ok) {
    throw new Error(content.error);
  }
  return content;
}

export const sessionPath = (id, rest = '') => `/api/auth/session/${id}${rest}`;
