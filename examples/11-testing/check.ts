// The test runner runs what is imported, prints a summary and sets the exit code.
import './app.test.js'
