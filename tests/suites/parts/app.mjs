// The example programs as child processes: started, waited for, stopped.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const EXAMPLES = path.join(process.env.CARGO_TARGET_DIR ?? path.resolve(import.meta.dirname, '../../../target'), 'debug/examples');
const READY = /^listening on (https?:\/\/\S+)/m;
const START_TIMEOUT = 30_000;

const running = new Set();
const folders = [];
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** An example that is listening; `stop()` ends it. */
export class App {
  constructor(child, origin, output) {
    this.child = child;
    /** `http://127.0.0.1:PORT`, with no slash at its end. */
    this.origin = origin;
    this.output = output;
  }

  /** What the program has printed so far, errors included. */
  get log() {
    return this.output.stdout + this.output.stderr;
  }

  url(path) {
    return this.origin + path;
  }

  get address() {
    return new URL(this.origin).host;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
  }
}

/** Starts `echo` behind this configuration (an object, or the text of a file) and waits for its ready line. */
export async function startEcho(config, { env = {}, listen = '127.0.0.1:0' } = {}) {
  return start('echo', ['--config', configFile(config), '--listen', listen], env);
}

export async function startQuickstart(args = [], env = {}) {
  return start('quickstart', args, env);
}

/** Starts a program of somebody else's, in Node, that says where it listens as the examples do. */
export async function startNode(script, env = {}) {
  return start(process.execPath, [script], env);
}

/** Runs `echo` to its end: `{code, stdout, stderr}`. One that serves instead is an error. */
export async function runEcho(config, { env = {} } = {}) {
  const [child, output] = launch('echo', ['--config', configFile(config), '--listen', '127.0.0.1:0'], env);
  const code = await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`echo did not end:\n${output.stdout}${output.stderr}`));
    }, START_TIMEOUT);
    child.stdout.on('data', () => READY.test(output.stdout) && child.kill('SIGTERM'));
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve(code ?? signal);
    });
  });
  return { code, ...output };
}

/** A folder that is gone when the process ends. */
export function temporaryFolder() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'easyauth-'));
  folders.push(folder);
  return folder;
}

function configFile(config) {
  const file = path.join(temporaryFolder(), 'auth.json');
  fs.writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config, null, 2));
  return file;
}

async function start(name, args, env) {
  const [child, output] = launch(name, args, env);
  const origin = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${name} ${why}:\n${output.stdout}${output.stderr}`));
    const late = setTimeout(() => {
      child.kill('SIGKILL');
      fail('did not start');
    }, START_TIMEOUT);
    child.stdout.on('data', () => {
      const ready = READY.exec(output.stdout);
      if (!ready || !output.stdout.includes('\n', ready.index)) return;
      clearTimeout(late);
      resolve(ready[1].replace(/\/$/, ''));
    });
    child.once('close', (code, signal) => {
      clearTimeout(late);
      fail(`ended with ${code ?? signal}`);
    });
  });
  return new App(child, origin, output);
}

// Settings of the machine must not reach the program: it reads `WEBSITE_AUTH_*` and `HOME`.
function launch(name, args, env) {
  const program = path.resolve(EXAMPLES, name);
  if (!fs.existsSync(program)) throw new Error(`${program} is missing: cargo build --examples`);
  const home = { PATH: process.env.PATH, HOME: temporaryFolder() };
  const child = spawn(program, args, { env: { ...home, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', (error) => (output.stderr += error.message));
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += chunk));
  child.stderr.on('data', (chunk) => (output.stderr += chunk));
  return [child, output];
}
