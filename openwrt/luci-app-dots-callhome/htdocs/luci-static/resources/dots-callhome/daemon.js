'use strict';
'require baseclass';
'require rpc';
'require poll';

/* The daemon's ubus object, as promises: they resolve with the answer, or reject with { kind, text } in words for the owner. */

const declare = (method, params) => rpc.declare({ object: 'dots-callhome', method: method, params: params });

const services = rpc.declare({ object: 'service', method: 'list', params: [ 'name' ] });

/* Whether procd runs it, though its object is not there: ubus has just been restarted, or the daemon is starting. */
function isRunning() {
	return services('dots-callhome').then(answer => {
		const instances = (answer && answer['dots-callhome'] || {}).instances || {};
		return Object.keys(instances).some(name => instances[name].running);
	}).catch(() => false);
}

const calls = {
	status: declare('status'),
	list: declare('list'),
	approve: declare('approve', [ 'id', 'action', 'seconds' ]),
	deny: declare('deny', [ 'id' ]),
	release: declare('release', [ 'id' ]),
	devices: declare('devices'),
	policy: declare('policy', [ 'mac', 'policy' ]),
	history: declare('history', [ 'limit' ]),
	traffic: declare('traffic'),
	test: declare('test', [ 'notify' ]),
	reconnect: declare('reconnect', [ 'upstream' ])
};

function failure(kind, detail) {
	const texts = {
		down: _('The protection is not running, so nobody can warn you and nothing new is blocked.'),
		starting: _('The protection is running, but this page cannot reach it at the moment. It tries again by itself.'),
		slow: _('The router did not answer in time. It tries again by itself.'),
		session: _('Your login has ended. Nothing was changed. Log in again to go on.'),
		forbidden: _('This login may look, but not change anything. Log in as an administrator.'),
		decided: _('This was decided already, here or elsewhere. The list is up to date now.'),
		gone: _('This is over: it no longer exists. The list is up to date now.'),
		network: _('The router cannot be reached from here. Check that this device is on your home network; the page goes on by itself.'),
		refused: _('The router did not do it.')
	};
	return { kind: kind, text: texts[kind], detail: detail || null };
}

/* Of ubus status numbers: uhttpd sends them instead of an answer. */
const kindOfStatus = { 2: 'refused', 3: 'down', 4: 'down', 5: 'slow', 6: 'forbidden', 7: 'slow', 10: 'down' };
const kindOfCode = { 'wrong-state': 'decided', 'not-found': 'gone', forbidden: 'forbidden', busy: 'slow', timeout: 'slow', unreachable: 'down' };

function explain(error) {
	const message = '' + (error && error.message || error);
	if (error && error.name == 'SessionError')
		return failure('session');
	if (/-32002/.test(message))
		return failure('forbidden');
	if (/-32000|not found/i.test(message) && error && error.name == 'RPCError')
		return failure('down');
	return failure('network', message);
}

/* What the devices method knows of devices without a name, by MAC address: who made them, and where they are. */
const strangers = new Map();

function isStranger(device) {
	return device.mac != null && !device.name;
}

function introduce(mitigation) {
	return Object.assign({}, mitigation, { devices: (mitigation.devices || []).map(device => {
		const known = isStranger(device) ? strangers.get(device.mac) : null;
		return known ? Object.assign({}, device, { vendor: known.vendor, port: device.port || known.port }) : device;
	}) });
}

/* The mitigations, with what their devices send; devices without a name are known by their maker, as far as that is known. And the router's clock. */
function mitigations() {
	/* Counting is a service to who looks: without it the rest is shown all the same. */
	const counted = ask('traffic').catch(() => ({ now: null, mitigations: [] }));
	return Promise.all([ ask('list'), counted ]).then(answers => {
		const found = answers[0].mitigations || [];
		const rates = new Map((answers[1].mitigations || []).map(each => [ each.id, each ]));
		const unknown = found.some(each => (each.devices || []).some(device => isStranger(device) && !strangers.has(device.mac)));
		const asked = unknown ? ask('devices').then(reply => reply.devices.forEach(device => strangers.set(device.mac, device))).catch(() => null) : Promise.resolve();
		return asked.then(() => ({ now: answers[1].now || null, mitigations: found.map(each => Object.assign(introduce(each), { traffic: rates.get(each.id) || null })) }));
	});
}

/* Not running, or only out of reach for a moment. */
function reject(reason) {
	return reason.kind != 'down' ? Promise.reject(reason) : isRunning().then(running => Promise.reject(running ? failure('starting') : reason));
}

function ask(method) {
	const args = Array.prototype.slice.call(arguments, 1);
	return calls[method].apply(null, args).then(reply => {
		if (typeof(reply) == 'number')
			return reject(failure(kindOfStatus[reply] || 'slow', 'ubus %d'.format(reply)));
		if (reply == null || typeof(reply) != 'object')
			return Promise.reject(failure('slow'));
		if (reply.error)
			return reject(failure(kindOfCode[reply.error.code] || 'refused', reply.error.message));
		return /^(approve|deny|release)$/.test(method) ? introduce(reply) : reply;
	}, error => reject(explain(error)));
}

/* Server-sent events need the session in a header, which EventSource cannot send. */
function listen(heard, state) {
	if (typeof(fetch) != 'function' || typeof(TextDecoder) != 'function')
		return;
	const again = delay => window.setTimeout(() => listen(heard, state), delay);
	fetch(rpc.getBaseURL().replace(/\/?$/, '/subscribe/dots-callhome'), {
		headers: { Authorization: 'Bearer ' + rpc.getSessionID() }, cache: 'no-store'
	}).then(response => {
		if (!response.ok || !/event-stream/.test(response.headers.get('Content-Type') || ''))
			return Promise.reject(new Error('HTTP ' + response.status));
		state.live = true;
		const reader = response.body.getReader();
		const decoder = new TextDecoder();
		let rest = '';
		const read = () => reader.read().then(part => {
			if (part.done)
				return;
			rest = (rest + decoder.decode(part.value, { stream: true })).slice(-262144);
			const events = rest.split('\n\n');
			rest = events.pop();
			if (events.some(each => /^event:/m.test(each)))
				heard();
			return read();
		});
		return read();
	}).catch(() => null).then(() => {
		/* It ends with the daemon, too. */
		if (state.live)
			heard();
		state.live = false;
		again(10000);
	});
}

return baseclass.extend({
	ask: ask,
	mitigations: mitigations,

	/**
	 * Calls refresh() at once, when the daemon has news, and every few seconds: at least every 10 where news are heard,
	 * every `seconds` where they are not or while fast() says that figures move. One at a time.
	 */
	follow: function(refresh, seconds, fast) {
		const state = { live: false, last: 0, running: null, next: null };
		/* Resolves when a refresh that began after the call is over. */
		const run = () => {
			if (state.running)
				return state.next = state.next || state.running.then(() => { state.next = null; return run(); });
			state.last = Date.now();
			return state.running = Promise.resolve(refresh(state.live)).catch(() => null).then(() => { state.running = null; });
		};
		poll.add(() => {
			const since = Date.now() - state.last;
			if (state.live && !(fast && fast()) && since >= 0 && since < 7000)
				return Promise.resolve();
			return run();
		}, seconds);
		listen(run, state);
		return run;
	}
});
