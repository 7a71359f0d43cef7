// The frame of a client's test: named cases run in order on the server at 127.0.0.1:<first argument>. Each prints
// "ok <case>" or "FAIL <case>: <why>"; the process ends with 1 when one failed.
export const host = '127.0.0.1';
export const port = Number(process.argv[2]);

const CASE_MS = 60000;
const cases = [];

export function test(name, body) {
  cases.push([name, body]);
}

// Waits until `condition` holds.
export async function until(condition, what, limitMs = 20000) {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function limited(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${CASE_MS} ms`)), CASE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function run() {
  let failed = 0;
  for (const [name, body] of cases) {
    try {
      await limited(body());
      console.log(`ok ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL ${name}: ${String(error?.stack ?? error).replaceAll('\n', ' ')}`);
    }
  }
  process.exit(failed === 0 ? 0 : 1);
}
