#!/usr/bin/env node
// Runs the program of the package that npm installed for this machine, and ends as that ends.
const { spawn } = require("node:child_process");
const { constants } = require("node:os");

function program() {
  try {
    return require.resolve(`@bailout/${process.platform}-${process.arch}/bailout`);
  } catch {
    console.error(`bailout: there is no program for ${process.platform} on ${process.arch}, or npm left out optional packages.`);
    process.exit(2);
  }
}

const child = spawn(program(), process.argv.slice(2), { stdio: "inherit" });
// A signal from the terminal reaches both; one from elsewhere is passed on. The program decides what it means.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`bailout: the program cannot be started: ${error.message}`);
  process.exit(2);
});
child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
