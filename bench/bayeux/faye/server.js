// The Faye server on its own in-memory engine, as its documentation sets it up.
//   node server.js --listen 127.0.0.1:0 --timeout 30000
'use strict';
const http = require('http');
const faye = require('faye');

const args = process.argv.slice(2);
const option = (name, byDefault) => {
  const at = args.indexOf('--' + name);
  return at < 0 ? byDefault : args[at + 1];
};
const [host, port] = option('listen', '127.0.0.1:0').split(':');
const server = http.createServer();
new faye.NodeAdapter({ mount: '/cometd', timeout: option('timeout', 30000) / 1000, ping: 25 }).attach(server);
server.listen({ host, port: Number(port), backlog: 4096 }, () => console.log(`listening ${host}:${server.address().port}`));
