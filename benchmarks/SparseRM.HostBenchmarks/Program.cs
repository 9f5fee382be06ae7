using System.Globalization;
using SparseRM.Errors;
using SparseRM.HostBenchmarks;

// What a program pays that is no C# program: see README.md beside this file.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
try
{
    return args switch
    {
        ["call"] => CallOverhead.Run(),
        ["hosts", string library] => HostPrograms.Run(library),
        ["callers", string library, string model, string reward] => HostPrograms.Callers(library, model, reward),
        ["model", string folder, string gigabytes] => LargeModel.Write(folder, double.Parse(gigabytes, CultureInfo.InvariantCulture)),
        ["weights", string model, "map" or "read"] => WeightAccess.Run(model, read: args[2] == "read"),
        _ => Usage(),
    };
}
catch (SparseRMException error)
{
    Console.Error.WriteLine($"error: {error.Message}");
    return 1;
}

static int Usage()
{
    Console.Error.WriteLine("usage: call | hosts LIBRARY | callers LIBRARY MODEL REWARD | model FOLDER GIGABYTES | weights MODEL map|read; see the README");
    return 2;
}
