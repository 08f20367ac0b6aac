'use strict';
'require baseclass';
'require dom';
'require dots-callhome.build as build';
'require dots-callhome.things as things';
'require dots-callhome.words as words';

/* Packets a second over the last five minutes, before and after a decision: what gets through below, what is stopped on top of it. */
const width = 300, height = 64, longest = 300;

function area(points, lower, upper, style) {
	const highest = Math.max(1, ...points.map(point => point.sent));
	const x = point => (width - point.age / longest * width).toFixed(1);
	const y = rate => (height - 2 - rate / highest * (height - 6)).toFixed(1);
	const top = points.map(point => '%s %s'.format(x(point), y(upper(point))));
	const bottom = points.slice().reverse().map(point => '%s %s'.format(x(point), y(lower(point))));
	return build.svg('path', { d: 'M' + top.concat(bottom).join('L') + 'Z', 'class': style });
}

return baseclass.extend({
	create: function() {
		const box = build.node('div', { 'class': 'dch-curve' });
		let shown = null;
		box.hidden = true;
		return {
			node: box,
			update: group => {
				const points = things.curveOf(group);
				const text = JSON.stringify(points);
				if (text == shown)
					return;
				shown = text;
				const isAny = points.length > 1 && points.some(point => point.sent > 0);
				box.hidden = !isAny;
				if (!isAny)
					return;
				const isStopped = points.some(point => point.sent - point.passed > 0.5);
				dom.content(box, [
					build.svg('svg', { viewBox: '0 0 %d %d'.format(width, height), preserveAspectRatio: 'none', role: 'img', 'aria-label': _('Packets a second in the last five minutes, at most %s').format(words.peak(points)) }, [
						build.svg('path', { d: 'M0 %d.5H%d'.format(height - 2, width), 'class': 'dch-axis' }),
						area(points, () => 0, point => point.passed, 'dch-passed'), area(points, point => point.passed, point => point.sent, 'dch-stopped')
					]),
					build.node('p', { 'class': 'dch-quiet' }, build.node('span', { 'class': 'dch-key dch-passed', 'aria-hidden': 'true' }), _('gets through'),
						isStopped ? build.node('span', { 'class': 'dch-key dch-stopped', 'aria-hidden': 'true' }) : '', isStopped ? _('is stopped') : '',
						build.node('span', { 'class': 'dch-span' }, _('last 5 minutes, at most %s a second').format(words.peak(points))))
				]);
			}
		};
	}
});
