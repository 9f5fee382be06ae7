using SparseRM.Cli;
using SparseRM.Cli.Terminal;

using var session = Session.Start();
return CommandLine.Run(args, session);
