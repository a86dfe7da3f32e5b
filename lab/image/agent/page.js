'use strict';

// What the browser shows at the end of a login.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** The page of a login that failed for this reason, or was completed. */
function resultPage(failure) {
  const [colour, sign, title, text] = failure
    ? ['#b91c1c', '✕', 'Login failed', escaped(failure)]
    : ['#5b21b6', '✓', 'Login complete', 'You can leave this page.'];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>
html { background: ${colour}; color: #fff; font: 1.25rem/1.5 "DejaVu Sans", system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 90vh; margin: 0 2rem; text-align: center; }
b { font-size: 5rem; line-height: 1; }
h1 { margin: 1rem 0 .5rem; font-size: 2.25rem; }
p { max-width: 36rem; margin: 0; overflow-wrap: anywhere; }
</style>
</head>
<body>
<b aria-hidden="true">${sign}</b>
<h1>${title}</h1>
<p>${text}</p>
</body>
</html>
`;
}

module.exports = { resultPage };
