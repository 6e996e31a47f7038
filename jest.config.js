// Types are checked by `npm run typecheck`; here each file is only transpiled (isolatedModules).
const project = (name) => ({
  displayName: name,
  testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  transform: { "^.+\\.ts$": "ts-jest" },
  testEnvironment: "node",
  modulePathIgnorePatterns: ["<rootDir>/build/"],
});

module.exports = {
  projects: ["unit", "host", "integration", "conformance", "soak"].map(project),
};
