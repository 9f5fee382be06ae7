// Runs one of the programs that share this folder and its runtime: sparserm-gpu ASSEMBLY [ARGUMENTS].
using System.Reflection;

var program = Assembly.Load(args[0]);
// The tests' runner looks for tests in the entry assembly.
Assembly.SetEntryAssembly(program);
object? result = program.EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [args[1..]], null);
return result is int code ? code : 0;
