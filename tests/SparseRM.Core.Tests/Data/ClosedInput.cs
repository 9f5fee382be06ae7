using System.Runtime.CompilerServices;
using SparseRM.Data;
using SparseRM.Errors;

namespace SparseRM.Core.Tests.Data;

/// <summary>Reads standard input instead of running tests, where a test has started this program for that.</summary>
internal static class ClosedInput
{
    public const string Variable = "SPARSERM_TESTS_READ_STANDARD_INPUT";

    [ModuleInitializer]
    public static void Read()
    {
        if (Environment.GetEnvironmentVariable(Variable) != "1") return;
        try
        {
            foreach (ScoreInput line in ScoreInputFile.Read("-", new ScoreInputOptions { KeepBad = true }))
            {
                Console.Out.WriteLine(line is BadInput bad ? bad.Error.Message : $"{line.GetType().Name} {line.Line}");
                Console.Out.Flush();
            }
        }
        catch (DataFormatException e)
        {
            Console.Out.WriteLine(e.Message);
        }
        Environment.Exit(0);
    }
}
