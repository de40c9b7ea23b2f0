// join speaks Bayeux by long-polling: it shakes hands, subscribes, and then has one connect under way at any time. In a program of your own, take the
// published client "cometd", which also speaks websocket.
function join(channel, onMessage, onState) {
  let id = 0;
  let clientId;
  const send = async (message) => {
    const response = await fetch('/cometd/', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify([{ ...message, id: String(++id), clientId }]),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const messages = await response.json();
    messages.filter((m) => m.channel === channel && 'data' in m).forEach((m) => onMessage(m.data));
    return messages.at(-1); // the reply to what was sent
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const stay = async () => {
    let advice = { reconnect: 'handshake' };
    while (advice.reconnect !== 'none') {
      try {
        let reply;
        if (advice.reconnect === 'handshake') {
          clientId = undefined;
          reply = await send({ channel: '/meta/handshake', version: '1.0', supportedConnectionTypes: ['long-polling'] });
          clientId = reply.clientId;
          if (clientId) await send({ channel: '/meta/subscribe', subscription: channel });
        } else {
          reply = await send({ channel: '/meta/connect', connectionType: 'long-polling' });
        }
        advice = { ...advice, ...reply.advice };
        onState(reply.successful);
        await pause(advice.interval);
      } catch { // no network, or no server: the session may still be there later
        onState(false);
        await pause(2000);
      }
    }
  };
  stay();
  return (data) => send({ channel, data });
}

const said = document.querySelector('#said');
const state = document.querySelector('#state');
const form = document.querySelector('#speak');

const say = join('/room', ({ name, text }) => {
  const line = document.createElement('li');
  const who = document.createElement('b');
  who.textContent = name; // textContent: what others write is never read as HTML
  line.append(who, text);
  said.append(line);
  line.scrollIntoView();
}, (online) => { state.textContent = online ? 'connected' : 'no connection, trying again …'; });

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = form.elements.text;
  const reply = await say({ name: form.elements.name.value, text: text.value }).catch((error) => ({ error: error.message }));
  if (reply.successful) text.value = '';
  else state.textContent = `not sent: ${reply.error}`;
});
