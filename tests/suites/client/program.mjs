// The example `client`, with somebody at its terminal.
import { spawn } from 'node:child_process';
import path from 'node:path';

const EXAMPLES = path.join(process.env.CARGO_TARGET_DIR ?? path.resolve(import.meta.dirname, '../../../target'), 'debug/examples');
const PATIENCE = 60_000;

/**
 * Runs it to its end. `signIn(address)` is called for each address that it shows somebody to sign in
 * at; what comes back is typed in, if anything does. `logins` says how often that was.
 */
export async function client(args, signIn = async () => '') {
  const child = spawn(path.join(EXAMPLES, 'client'), args, { env: { PATH: process.env.PATH } });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  const late = setTimeout(end, PATIENCE);
  const output = { stdout: '', stderr: '', logins: 0 };
  const complaints = [];
  child.stdout.on('data', (chunk) => {
    output.stdout += chunk;
    const shown = [...output.stdout.matchAll(/Sign in in a browser at\n(\S+)\n/g)];
    for (const [, address] of shown.slice(output.logins)) {
      output.logins += 1;
      signIn(address).then((line) => line && child.stdin.write(`${line}\n`), (error) => complaints.push(error));
    }
  });
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  const code = await new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  clearTimeout(late);
  process.off('exit', end);
  if (complaints.length > 0) throw complaints[0];
  return { code, ...output, last: output.stdout.trimEnd().split('\n').at(-1).replace(/^(> )+/, '') };
}
