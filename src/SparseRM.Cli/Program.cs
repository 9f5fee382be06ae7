using SparseRM;
using SparseRM.Cli;
using SparseRM.Cli.Terminal;
using SparseRM.Ilgpu;

BackendCatalog.Register(new(IlgpuBackend.Names, (name, threads) => IlgpuBackend.Open(name, threads), IlgpuBackend.Table));
using var session = Session.Start();
return CommandLine.Run(args, session);
