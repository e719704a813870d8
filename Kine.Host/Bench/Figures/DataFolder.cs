namespace Kine.Host.Bench.Figures;

/// <summary>A temporary folder that goes away with its owner.</summary>
internal sealed class DataFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("kine-figures-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
