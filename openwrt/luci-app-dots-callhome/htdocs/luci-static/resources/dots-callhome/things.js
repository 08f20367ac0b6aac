'use strict';
'require baseclass';

/* What is shown as one thing, on one card, with one way back: requests about the same devices that are in the same state. Pure. */

function keyOf(mitigation) {
	const devices = mitigation.devices || [];
	return devices.length == 0 ? '#' + mitigation.id
		: devices.map(device => device.mac || (device.addresses || []).slice().sort().join(' ')).sort().join(',');
}

function kindOf(mitigation) {
	switch (mitigation.state) {
	case 'pending': return 'asks';
	case 'active': return mitigation.action == 'observe' ? 'watched' : 'holds';
	case 'terminating': return mitigation.action == 'observe' ? null : 'holds';
	default: return mitigation.left_alone ? 'alone' : null;
	}
}

const order = [ 'asks', 'alone', 'watched', 'holds' ];
const longestAge = 300, step = 5, fresh = 15;

/* Rates of all requests together: { sent, passed } a second, or null where nobody has counted yet; when it was last seen to send. */
function trafficOf(group) {
	const each = group.map(mitigation => mitigation.traffic).filter(traffic => traffic != null);
	const latest = name => each.map(traffic => traffic[name]).filter(at => at != null).sort().pop() || null;
	const counted = each.filter(traffic => traffic.sent != null);
	const sum = name => counted.reduce((all, traffic) => all + traffic[name], 0);
	const isSending = each.some(traffic => traffic.is_sending);
	return {
		isSending: isSending, lastSentAt: latest('last_sent_at'), pausedAt: latest('paused_at'),
		now: counted.length > 0 ? { sent: sum('sent'), passed: sum('passed') } : null
	};
}

/* A rate for each five seconds of the last five minutes, oldest first: { age, sent, passed }, as far back as somebody counted. */
function curveOf(group) {
	const points = [];
	const lists = group.map(mitigation => (mitigation.traffic || {}).samples || []).filter(samples => samples.length > 0);
	const oldest = Math.min(longestAge, Math.max(0, ...lists.map(samples => samples[0][0] + step)));
	for (let age = oldest; age >= 0; age -= step) {
		/* A sample is about the time before it, back to the one before. */
		const here = lists.map(samples => samples.find(sample => sample[0] <= age)).filter((sample, at) => sample && (sample !== lists[at][0] || age <= sample[0] + step));
		points.push({ age: age, sent: here.reduce((all, sample) => all + sample[1], 0), passed: here.reduce((all, sample) => all + sample[2], 0) });
	}
	return points;
}

/* What was found of all devices together when they were looked for. */
function evidenceOf(group, now) {
	const sum = { packets: 0, flows: 0, seconds: 0, first: null, last: null, isFresh: false };
	group.forEach(mitigation => (mitigation.devices || []).forEach(device => {
		const seen = device.evidence || {};
		sum.packets += seen.packets || 0;
		sum.flows += seen.flows || 0;
		if (seen.first_seen != null && (sum.first == null || seen.first_seen < sum.first))
			sum.first = seen.first_seen;
		if (seen.last_seen != null && (sum.last == null || seen.last_seen > sum.last))
			sum.last = seen.last_seen;
	}));
	if (sum.first != null && sum.last != null)
		sum.seconds = (Date.parse(sum.last) - Date.parse(sum.first)) / 1000;
	sum.isFresh = sum.last != null && now != null && Math.abs(Date.parse(now) - Date.parse(sum.last)) < fresh * 1000;
	return sum;
}

return baseclass.extend({
	keyOf: keyOf, kindOf: kindOf, trafficOf: trafficOf, curveOf: curveOf, evidenceOf: evidenceOf,

	/* `now`: the router's clock. The oldest question comes first, and so does the oldest request of each thing. */
	thingsOf: function(mitigations, now) {
		const found = new Map();
		mitigations.slice().sort((a, b) => a.id - b.id).forEach(mitigation => {
			const kind = kindOf(mitigation);
			if (kind == null)
				return;
			/* What is done differs: so does what is said of it. */
			const detail = kind == 'holds' ? mitigation.action : kind == 'alone' ? mitigation.left_alone.why : '';
			const key = [ kind, keyOf(mitigation), detail ].join(' ');
			if (found.has(key))
				found.get(key).group.push(mitigation);
			else
				found.set(key, { key: key, kind: kind, devices: keyOf(mitigation), group: [ mitigation ], now: now });
		});
		return Array.from(found.values()).sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
	}
});
