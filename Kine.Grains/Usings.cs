global using Orleans;
global using Orleans.Concurrency;
global using StatusCode = Grpc.Core.StatusCode;
