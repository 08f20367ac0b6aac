'use strict';
'require baseclass';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.words as words';

/* Packets stopped a second, while the page is open: five minutes, from the counters of successive refreshes. */
const span = 300000;

return baseclass.extend({
	create: function() {
		const counted = new Map();
		let samples = [];
		let lastAt = null;
		const caption = build.node('p', { 'class': 'dch-quiet' });
		const box = build.node('div', {});
		const draw = () => {
			const width = 600, height = 100, now = lastAt || Date.now();
			const highest = Math.max(10, ...samples.map(sample => sample.rate));
			const x = at => width - (now - at) / span * width;
			const y = rate => height - 8 - rate / highest * (height - 24);
			const points = samples.map(sample => '%s %s'.format(x(sample.at).toFixed(1), y(sample.rate).toFixed(1)));
			const drawn = [ build.svg('path', { d: 'M0 %d H%d'.format(height - 8, width), stroke: 'currentColor', 'stroke-opacity': .35, fill: 'none' }) ];
			if (points.length > 1) {
				drawn.push(build.svg('path', { d: 'M' + points.join('L') + 'V%dH%s Z'.format(height - 8, x(samples[0].at).toFixed(1)), fill: '#1a8f4c', 'fill-opacity': .2 }));
				drawn.push(build.svg('path', { d: 'M' + points.join('L'), stroke: '#1a8f4c', 'stroke-width': 2, fill: 'none' }));
			}
			const current = samples.length ? samples[samples.length - 1].rate : 0;
			caption.textContent = _('Now %s packets a second are stopped, at most %s in the last five minutes.').format(words.number(Math.round(current)), words.number(Math.round(samples.length ? Math.max(...samples.map(sample => sample.rate)) : 0)));
			dom.content(box, [ build.svg('svg', { viewBox: '0 0 %d %d'.format(width, height), preserveAspectRatio: 'none', 'class': 'dch-chart', role: 'img', 'aria-label': _('Packets stopped a second, in the last five minutes') }, drawn), caption ]);
		};
		draw();
		return {
			node: box,
			add: mitigations => {
				const now = Date.now();
				let fresh = 0;
				mitigations.forEach(each => {
					const packets = (each.dropped || {}).packets || 0;
					fresh += counted.has(each.id) ? Math.max(0, packets - counted.get(each.id)) : 0;
					counted.set(each.id, packets);
				});
				if (lastAt != null && now - lastAt < 900)
					return;
				if (lastAt != null)
					samples.push({ at: now, rate: fresh * 1000 / Math.max(900, now - lastAt) });
				lastAt = now;
				samples = samples.filter(sample => sample.at > now - span);
				draw();
			}
		};
	}
});
