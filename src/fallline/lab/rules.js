// Update rules in the letters of the product: each takes the gradient g, its memory m and the step t from 1, and moves w.
const RULES = {
  sgd: (w, g, m, n) => { for (const i in w) w[i] -= n.learning_rate * g[i]; },
  momentum: (w, g, m, n) => {
    for (const i in w) { m.v[i] = n.momentum * m.v[i] - n.learning_rate * g[i]; w[i] += m.v[i]; }
  },
  nesterov: (w, g, m, n) => {
    for (const i in w) {
      m.v[i] = n.momentum * m.v[i] - n.learning_rate * g[i];
      w[i] += n.momentum * m.v[i] - n.learning_rate * g[i];
    }
  },
  adagrad: (w, g, m, n, t) => {
    for (const i in w) {
      m.s[i] = (t === 1 ? n.start : m.s[i]) + g[i] * g[i];
      w[i] -= n.learning_rate * g[i] / (Math.sqrt(m.s[i]) + n.epsilon);
    }
  },
  rmsprop: (w, g, m, n, t) => {
    const c = n.corrected ? 1 / (1 - Math.pow(n.decay, t)) : 1;
    for (const i in w) {
      m.s[i] = n.decay * m.s[i] + (1 - n.decay) * g[i] * g[i];
      w[i] -= n.learning_rate * g[i] / (Math.sqrt(c * m.s[i]) + n.epsilon);
    }
  },
  adam: (w, g, m, n, t) => {
    const c1 = n.corrected ? 1 / (1 - Math.pow(n.beta1, t)) : 1;
    const c2 = n.corrected ? 1 / (1 - Math.pow(n.beta2, t)) : 1;
    for (const i in w) {
      m.v[i] = n.beta1 * m.v[i] + (1 - n.beta1) * g[i];
      m.s[i] = n.beta2 * m.s[i] + (1 - n.beta2) * g[i] * g[i];
      w[i] -= n.learning_rate * (m.v[i] * c1) / (Math.sqrt(m.s[i] * c2) + n.epsilon);
    }
  },
};

// The points and heights of a walk of a rule with the numbers n.
function walk(f, numbers, start, steps) {
  const w = [...start], memory = { v: w.map(() => 0), s: w.map(() => 0) };
  const points = [], values = [];
  for (let t = 0; t <= steps; t++) {
    const [value, ...g] = f(w);
    points.push([...w]);
    values.push(value);
    RULES[numbers.rule](w, g, memory, numbers, t + 1);
  }
  return { points, values };
}
