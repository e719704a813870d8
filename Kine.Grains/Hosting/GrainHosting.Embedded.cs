#if !ORLEANS
using Kine.Grains.Embedded;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Kine.Grains.Hosting;

public static partial class GrainHosting
{
    /// <summary>Adds the embedded runtime with the grains that <paramref name="table"/> names.</summary>
    public static IServiceCollection AddEmbeddedGrains(
        this IServiceCollection services, GrainHostingOptions options, Action<GrainCatalog> table)
    {
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider =>
        {
            var catalog = new GrainCatalog();
            table(catalog);
            return new GrainHost(
                provider,
                catalog,
                options,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<GrainHost>>());
        });
        services.AddSingleton(provider => provider.GetRequiredService<GrainHost>().Factory);
        services.AddSingleton<IHostedService>(provider => provider.GetRequiredService<GrainHost>());
        services.AddTransient(_ => RuntimeContext.Current
            ?? throw new InvalidOperationException("Only a grain that is being created has a grain context."));
        return services;
    }

    static partial void AddRuntime(IServiceCollection services, GrainHostingOptions options) =>
        AddEmbeddedGrains(services, options, GrainTable.AddTo);
}
#endif
