namespace SparseRM.Facade.Tests.Engine;

/// <summary>Holds an engine's backend, so that what comes meanwhile waits.</summary>
internal static class EngineHold
{
    public static IDisposable Hold(this SparseRM.Engine.ForwardEngine engine)
    {
        var hold = new Held();
        hold.Thread = new Thread(() => engine.Use(hold.Stay));
        hold.Thread.Start();
        hold.Owned.Wait();
        return hold;
    }

    private sealed class Held : IDisposable
    {
        private readonly ManualResetEventSlim _end = new();
        public readonly ManualResetEventSlim Owned = new();
        public Thread? Thread;

        public void Stay()
        {
            Owned.Set();
            _end.Wait();
        }

        public void Dispose()
        {
            _end.Set();
            Thread!.Join();
        }
    }
}
