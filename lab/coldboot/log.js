'use strict';

// The journal with colours, for whoever follows it on a terminal, and a plain file beside it.

const { createLogger, format, transports } = require('winston');

const { logFile } = require('./settings');

function line({ level, message, timestamp, ...metadata }) {
  const rest = Object.keys(metadata).length ? ` ${JSON.stringify(metadata)}` : '';
  return { timestamp, head: `[${level.toUpperCase()}]`, text: `${message}${rest}` };
}

// Capital letters come after the colours, whose own letters become capitals with them.
const coloured = format.combine(
  format.colorize(),
  format.printf((info) => {
    const { head, text } = line(info);
    return `${head}: ${text}`;
  }),
);
const plain = format.combine(
  format.timestamp({ format: () => new Date().toISOString().slice(0, 19).replace('T', ' ') }),
  format.printf((info) => {
    const { timestamp, head, text } = line(info);
    return `${timestamp} ${head}: ${text}`;
  }),
);

module.exports = createLogger({
  transports: [
    new transports.Console({ format: coloured }),
    new transports.File({ filename: logFile, format: plain, maxsize: 16 << 20, maxFiles: 2, tailable: true }),
  ],
});
