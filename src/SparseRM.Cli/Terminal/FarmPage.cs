using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using SparseRM.Errors;
using SparseRM.Farm.Clusters;

namespace SparseRM.Cli.Terminal;

/// <summary><c>/metrics</c> of a farm, which any of its silos has.</summary>
internal static class FarmPage
{
    /// <summary>Begins to serve it.</summary>
    /// <exception cref="SparseRMException">The address is taken.</exception>
    public static async Task<IAsyncDisposable> StartAsync(IPEndPoint address, FarmSilo silo, CancellationToken cancel)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "sparserm" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(address));
        var app = builder.Build();
        app.Run(http => AnswerAsync(http, silo));
        try
        {
            await app.StartAsync(cancel);
            return app;
        }
        catch (IOException error)
        {
            await app.DisposeAsync();
            throw new SparseRMException($"--metrics: {address} cannot be listened on: {error.Message.TrimEnd('.')}; give another address or port", error);
        }
    }

    private static async Task AnswerAsync(HttpContext http, FarmSilo silo)
    {
        if (http.Request.Path != "/metrics")
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            await http.Response.WriteAsync("only /metrics is served\n", http.RequestAborted);
            return;
        }
        string text;
        try
        {
            text = await silo.MetricsAsync();
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // A coordinator that has just died: no number is better than an old one.
            http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await http.Response.WriteAsync($"the farm does not answer: {error.Message}\n", http.RequestAborted);
            return;
        }
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        await http.Response.WriteAsync(text, http.RequestAborted);
    }
}
