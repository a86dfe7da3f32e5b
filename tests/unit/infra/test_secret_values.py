"""A text is shown without the values of keys that look like secrets, however they are written."""

from __future__ import annotations

import pytest

from harness.infra.secret_values import is_telling, without_secrets

WRITTEN = (
    "db_password=geheim42",
    "pw: 'geheim42'",
    '"apiKey": "geheim42"',
    '{"user": "bob", "apiKey": "geheim42", "port": 8080}',
    "const dbPwd = 'geheim42';",
    "password: process.env.PASS || 'geheim42',",
    "exports.password = 'x' + 'geheim42';",
    "keys: ['a', 'geheim42'],",
    "if (token === 'geheim42') {",
    "config['password'] = 'geheim42';",
    "client.setPassword('geheim42');",
    "res.setHeader('Authorization', 'Bearer geheim42');",
    "ExecStart=/usr/bin/agent --token geheim42",
    "ExecStart=/usr/bin/agent --api-key=geheim42",
    "fetch('https://host/?token=geheim42')",
    "// password: geheim42",
    "passphrase = `geheim42`",
    "Environment=A_KEY=geheim42",
    "Environment=A=1 B_KEY='two geheim42' C=2",
    "credentials: {\n  user: 'bob',\n  value: 'geheim42',\n},",
    "const token =\n  'geheim42';",
    "privateKey: `-----BEGIN\nabc\ngeheim42`,",
    "const secret = a ||\n  'geheim42';",
    "const secret = a\n  || 'geheim42';",
    "secret = 'a'\n  + 'geheim42'",
    "A_KEY=abc\\\n  geheim42",
    "-----BEGIN RSA PRIVATE KEY-----\ngeheim42\n-----END RSA PRIVATE KEY-----",
    "sshkey=-----BEGIN PRIVATE KEY-----\ngeheim42\n-----END PRIVATE KEY-----",
    "Passwort: geheim42",
    "password: >-\n  geheim42",
    "password: |\n  erst\n\n  geheim42",
    "- password: |\n    erst\n    geheim42",
    "password: erst\n  geheim42",
    "keys:\n  - erst\n  - geheim42",
    "keys:\n- erst\n- geheim42",
    "Authorization: Basic\n  geheim42",
    "Authorization: Basic\ngeheim42",
    'password = """\ngeheim42\n"""',
    "<password>geheim42</password>",
    '<a><db:password type="x">geheim42</db:password></a>',
    "<password>\n  erst\n  geheim42\n</password>",
    "password geheim42",
    "machine h login bob password geheim42 account x",
    "AWS_SECRET_ACCESS_KEY geheim42",
    "proxy_set_header Authorization geheim42;",
    "proxy_set_header Authorization 'Basic geheim42';",
    "Authorization Bearer geheim42",
    "x = 'eyJhbGciOiJIUzI1NiIsInR5cCI6geheim42';",
)


@pytest.mark.parametrize("text", WRITTEN)
def test_no_value_of_a_telling_key_is_shown(text: str) -> None:
    shown = without_secrets(text)
    assert "geheim42" not in shown
    assert "‹secret›" in shown
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a='x', pw: 'y', b: 'z'", "a='x', pw: '‹secret›', b: 'z'"),
        ("A_KEY=abc PORT=8080", "A_KEY=‹secret› PORT=8080"),
        ("token: 'a'\nport: 8080", "token: '‹secret›'\nport: 8080"),
        ("auth: {\n  pin: 1\n},\nport: 8080", "auth: ‹secret›\n  ‹secret›\n},\nport: 8080"),
        ("const token = async (req) => {\n  next();", "const token = ‹secret›\n  next();"),
        ("password: env.PASS,\nport: 8080", "password: ‹secret›\nport: 8080"),
        ("password: ''", "password: ''"),
        ("KEY=YWJj==\nPORT=8080", "KEY=‹secret›\nPORT=8080"),
        ("password: |\n  a\n\n  b\nport: 8080", "password: ‹secret›\n  ‹secret›\n\n  ‹secret›\nport: 8080"),
        ("- pin: 1\n  port: 8080", "- pin: ‹secret›\n  port: 8080"),
        ("token: a\n\nport: 8080", "token: ‹secret›\n\nport: 8080"),
        ("keys:\n- a\nport: 8080", "keys:\n‹secret›\nport: 8080"),
        ("<pin>1</pin><port>8080</port>", "<pin>‹secret›</pin><port>8080</port>"),
        ("<pin>\n1\n</pin>\n<port>8080</port>", "<pin>\n‹secret›\n‹secret›\n<port>8080</port>"),
        ("login bob password a account b", "login bob password ‹secret› account b"),
        ("A_KEY 1;\nlisten 8080;", "A_KEY ‹secret›;\nlisten 8080;"),
        (
            "    >   12  password: env.PASS\n        13  port: 8080",
            "    >   12  password: ‹secret›\n        13  port: 8080",
        ),
    ],
)
def test_what_is_beside_it_is(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "server.on('error', (e) => { console.error(e); process.exit(1); });",
        "server.listen(8080, '0.0.0.0');",
        "After=network-online.target",
        "/* author: me */",
        "tokens.forEach((token) => use(token));",
        "oauth.on('error', fail);",
        "a" * 40,
        "Description=Agent --verbose mode",
        "SyntaxError: Unexpected token 'export'",
        "import token from './token.js';",
        "private readonly started: boolean;",
        "if (token && other) {",
        "function auth (req, res) {",
        "for (const key of keys) {",
        "const made = new Promise<Token>(use);",
        "proxy_pass http://127.0.0.1:8080;",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize("key", ["apikey", "DB_PW", "signingKey", "x-auth", "clientSecret", "PIN", "jwt"])
def test_a_key_is_known_by_its_words(key: str) -> None:
    assert is_telling(key)


@pytest.mark.parametrize("key", ["author", "keyboard", "spinner", "passive", "port", "authenticate"])
def test_another_that_sounds_alike_is_none(key: str) -> None:
    assert not is_telling(key)


@pytest.mark.parametrize(
    "word",
    ["a", " ", "key", "key=", "'", "`", "(", "{", "key: {", "token: 'a'\n", "\\", "key ", "<key>", "key !"],
)
def test_a_bundle_in_one_line_is_read_to_its_end(word: str) -> None:
    """What takes the square of its length would take minutes here."""
    text = word * (60_000 // len(word))
    assert without_secrets(text).count("\n") == text.count("\n")
