using SparseRM.Cli;
using SparseRM.Cli.Terminal;
#if !AOT
using SparseRM;
using SparseRM.Ilgpu;

BackendCatalog.Register(new(IlgpuBackend.Names, (name, threads) => IlgpuBackend.Open(name, threads), IlgpuBackend.Table));
#endif
using var session = Session.Start();
return CommandLine.Run(args, session);
