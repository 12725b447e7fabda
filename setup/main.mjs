// node setup/main.mjs [demo|test|tier1|bench|check]: installs into the project and the system what is missing for
// the demo, for all tests (the default), for the tests of tier 1 or for the bench; `check` only says what is missing.
// Plain JavaScript without dependencies: it runs before node_modules exist, on any Node.
const wanted = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  console.error(
    `Set-up failed: Node ${process.versions.node} is too old, Hawser needs ${wanted.join('.')} or newer.`,
  );
  console.error('  Install one from https://nodejs.org or with a version manager: nvm install 22');
  process.exitCode = 1;
} else {
  void import('./set-up.mjs').then(({ setUp }) => setUp(process.argv[2]));
}
